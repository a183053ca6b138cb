//! Asks a witness to cosign a checkpoint. Source: C2SP `tlog-witness`.
//!
//! All merchants' nodes ask about the same log, so a witness has often seen more of it than this node showed it: it tells
//! how much (409), and is asked again with the proof from there.

use reqwest::{Client, Url};
use tally_contracts::checkpoint::Evidence;
use tally_ledger::anchor::witness::{Answer, Fork, MAX_ANSWER_BYTES, Reply, add_checkpoint};
use tally_ledger::note::VerifierKey;

use super::error::Failure;
use super::http::post;
use super::source::{FinalCheckpoint, Source};

/// Requests for one checkpoint before it is left for later: the first, one with the size that was told, and one more.
const MAX_REQUESTS: usize = 3;

/// What a witness made of a checkpoint.
pub(super) enum Outcome {
    /// It cosigned.
    Cosigned(Evidence),
    /// It cosigned a later one before, of this size, and will not go back.
    Later(u64),
    /// It claims that the log forked.
    Fork(Fork),
}

/// A witness to be asked.
pub(super) struct Witness<'a> {
    pub client: &'a Client,
    pub url: &'a Url,
    pub key: &'a VerifierKey,
    /// Leaves of the log that it last cosigned, as far as known.
    pub size: u64,
}

impl Witness<'_> {
    /// Shows it a checkpoint.
    ///
    /// # Errors
    /// [`Failure`]: no answer, or one that proves nothing.
    pub async fn ask(&self, source: &Source, checkpoint: &FinalCheckpoint) -> Result<Outcome, Failure> {
        let mut old_size = self.size;
        for _ in 0..MAX_REQUESTS {
            let own = source.log_size();
            if old_size > own {
                return Err(Failure::Ahead { witness: old_size, own });
            }
            if old_size > checkpoint.log_size {
                return Ok(Outcome::Later(old_size));
            }
            let proof = source.consistency(old_size, checkpoint.log_size).await?;
            let sent = add_checkpoint(old_size, &proof, &checkpoint.note);
            match self.send(&sent).await? {
                Answer::Cosigned(cosignature) => {
                    let (key, line) = (self.key.to_string(), cosignature.line);
                    return Ok(Outcome::Cosigned(Evidence::Witness { key, line }));
                }
                Answer::Size(size) => old_size = size,
                Answer::Fork(fork) => return Ok(Outcome::Fork(fork)),
                Answer::UnknownLog => return Err(Failure::UnknownLog(checkpoint.origin())),
                Answer::UntrustedKeys => return Err(Failure::UntrustedKeys(checkpoint.origin())),
            }
        }
        Err(Failure::Busy)
    }

    async fn send(&self, sent: &str) -> Result<Answer, Failure> {
        let body = ("text/plain; charset=utf-8", sent.as_bytes().to_vec());
        let answered = post(self.client, self.url, body, MAX_ANSWER_BYTES).await?;
        let reply = Reply { status: answered.status, content_type: &answered.content_type, body: &answered.body };
        Ok(Answer::judge(sent, &reply, self.key)?)
    }
}
