//! Policies (C2SP `tlog-policy`): which logs are known, and whose cosignatures suffice.
//!
//! A line each: `log <key> [<url>]`, `witness <name> <key> [<url>]`, `group <name> <all|any|k> <name>...`, `quorum
//! <name|none>`, names being defined before they are used. Comments and URLs are read over and not kept. A set of
//! validators makes a policy by itself: each merchant's key signs for the log and as a witness, and more than two
//! thirds of them are the quorum.
//!
//! **Invariant**: exactly one quorum, and every member of a group stands before it, so judging is one pass.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use tally_contracts::checkpoint::{cosigner_name, origin};
use tally_contracts::crypto::PublicKey;
use tally_contracts::types::{ChainId, MerchantId};

use super::key::{KeyError, SignatureType, VerifierKey};
use super::signed::{SignedNote, VerifyError};
use super::{TextError, decimal};

/// The quorum that asks for nobody.
const NONE: &str = "none";

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<VerifierKey>,
    /// In order of their definition.
    rules: Vec<Rule>,
    /// Position of the quorum among the rules; none where nobody is asked.
    quorum: Option<usize>,
}

/// A witness or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    name: String,
    kind: RuleKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum RuleKind {
    Witness(VerifierKey),
    /// At least `threshold` of the members, which are positions of earlier rules.
    Group {
        threshold: usize,
        members: Vec<usize>,
    },
}

/// A text that is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the policy: {fault}")]
pub struct PolicyError {
    /// From 1; the one after the last where something is missing.
    pub line: usize,
    /// What is wrong there.
    pub fault: PolicyFault,
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// A control character other than tab and newline, or no newline at the end.
    #[error("only tabs and newlines are allowed as control characters, and the last line ends with a newline")]
    Characters,
    /// Not one of the four lines.
    #[error("write log, witness, group or quorum, with the items that belong to it")]
    Line,
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A log's key of type 4, or a witness's of type 1.
    #[error("a log signs with a key of type 1, a witness with one of type 4; use the other key of that name")]
    KeyType,
    /// The same key twice.
    #[error("each key stands once among the logs and once among the witnesses; leave this one out")]
    DuplicateKey,
    /// The same name twice, or `none`.
    #[error("a witness or group already has the name {0}; choose another")]
    Name(String),
    /// A name that no line above has.
    #[error("nothing above defines {0}; define it before using it")]
    Undefined(String),
    /// A member twice.
    #[error("{0} is a member of a group already, and counts in one only")]
    Member(String),
    /// A threshold that is not 1 to the number of members.
    #[error("the threshold of a group is all, any, or from 1 to the number of its members")]
    Threshold,
    /// No quorum, or two.
    #[error("a policy has exactly one quorum line")]
    Quorum,
}

/// Who signed a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The name of the key.
    pub name: String,
    /// The time in s that a cosignature gives; none for a plain signature.
    pub time_s: Option<u64>,
}

/// A note that does not satisfy a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a text that the policy judges.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A log that the policy does not know.
    #[error("the policy knows no log called {0}; use the policy of that alliance")]
    UnknownLog(String),
    /// No log's key signed.
    #[error("no key of the log {0} signed the checkpoint; get one that is signed")]
    UnsignedByLog(String),
    /// A signature of a known key does not hold.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// Not enough of those asked for.
    #[error(
        "{signed} of the policy's {known} witnesses signed, which is no quorum; wait for more, or use the policy of \
         the validators of that height"
    )]
    NoQuorum {
        /// Valid signatures of known witnesses.
        signed: usize,
        /// Witnesses of the policy.
        known: usize,
    },
}

impl Policy {
    /// The policy of a set of validators: any of them signs for the log, more than two thirds of them are a quorum.
    ///
    /// # Errors
    /// [`PolicyFault`]: no cosigners, a merchant or a key twice, a key that is none.
    pub fn of_cosigners(chain_id: &ChainId, cosigners: &[(MerchantId, PublicKey)]) -> Result<Self, PolicyFault> {
        let mut builder = Builder::default();
        let names: Vec<String> = cosigners.iter().map(|(merchant, _)| format!("merchant-{merchant}")).collect();
        for (name, (merchant, key)) in names.iter().zip(cosigners) {
            builder.log(VerifierKey::new(&origin(chain_id), SignatureType::Ed25519, *key)?)?;
            let witness = VerifierKey::new(&cosigner_name(chain_id, *merchant), SignatureType::Cosignature, *key)?;
            builder.witness(name, witness)?;
        }
        builder.group("merchants", names.len() * 2 / 3 + 1, names.iter().map(String::as_str))?;
        builder.quorum("merchants")?;
        builder.finish()
    }

    /// Judges the signatures of a checkpoint with this origin. Gives who cosigned, in the policy's order.
    ///
    /// # Errors
    /// [`Refusal`] except for [`Refusal::Text`].
    pub(super) fn judge_checkpoint(&self, origin: &str, note: &SignedNote) -> Result<Vec<Signer>, Refusal> {
        let mut is_signed = false;
        for key in self.logs_called(origin)? {
            is_signed |= verify(note, key)?.is_some();
        }
        if !is_signed {
            return Err(Refusal::UnsignedByLog(origin.to_owned()));
        }
        self.judge_quorum(|key| verify(note, key))
    }

    /// Judges the signatures of a state note of the log with this origin: the same quorum, plain signatures.
    ///
    /// # Errors
    /// [`Refusal`] except for [`Refusal::Text`].
    pub(super) fn judge_state(&self, origin: &str, note: &SignedNote) -> Result<Vec<Signer>, Refusal> {
        self.logs_called(origin)?;
        self.judge_quorum(|key| verify(note, &key.with_type(SignatureType::Ed25519)))
    }

    fn logs_called(&self, origin: &str) -> Result<Vec<&VerifierKey>, Refusal> {
        let logs: Vec<_> = self.logs.iter().filter(|key| key.name() == origin).collect();
        if logs.is_empty() { Err(Refusal::UnknownLog(origin.to_owned())) } else { Ok(logs) }
    }

    fn judge_quorum(
        &self,
        signed: impl Fn(&VerifierKey) -> Result<Option<Signer>, VerifyError>,
    ) -> Result<Vec<Signer>, Refusal> {
        let mut signers = Vec::new();
        let mut known = 0;
        let mut satisfied = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            satisfied.push(match &rule.kind {
                RuleKind::Witness(key) => {
                    known += 1;
                    let signer = signed(key)?;
                    let has_signed = signer.is_some();
                    signers.extend(signer);
                    has_signed
                }
                RuleKind::Group { threshold, members } => {
                    members.iter().filter(|member| satisfied[**member]).count() >= *threshold
                }
            });
        }
        if self.quorum.is_none_or(|quorum| satisfied[quorum]) {
            Ok(signers)
        } else {
            Err(Refusal::NoQuorum { signed: signers.len(), known })
        }
    }
}

/// Whether a key signed; an error if badly.
fn verify(note: &SignedNote, key: &VerifierKey) -> Result<Option<Signer>, VerifyError> {
    match note.verify(key) {
        Ok(time_s) => Ok(Some(Signer { name: key.name().to_owned(), time_s })),
        Err(VerifyError::Missing(_)) => Ok(None),
        Err(invalid) => Err(invalid),
    }
}

/// A policy line by line.
#[derive(Default)]
struct Builder {
    logs: Vec<VerifierKey>,
    rules: Vec<Rule>,
    quorum: Option<Option<usize>>,
    log_keys: BTreeSet<PublicKey>,
    witness_keys: BTreeSet<PublicKey>,
    /// Position of each name among the rules.
    names: BTreeMap<String, usize>,
    /// Positions that are a group's members.
    grouped: BTreeSet<usize>,
}

impl Builder {
    fn log(&mut self, key: VerifierKey) -> Result<(), PolicyFault> {
        if key.kind() != SignatureType::Ed25519 {
            return Err(PolicyFault::KeyType);
        }
        if !self.log_keys.insert(*key.public_key()) {
            return Err(PolicyFault::DuplicateKey);
        }
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, name: &str, key: VerifierKey) -> Result<(), PolicyFault> {
        if key.kind() != SignatureType::Cosignature {
            return Err(PolicyFault::KeyType);
        }
        if !self.witness_keys.insert(*key.public_key()) {
            return Err(PolicyFault::DuplicateKey);
        }
        self.define(name, RuleKind::Witness(key))
    }

    fn group<'a>(
        &mut self,
        name: &str,
        threshold: usize,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<(), PolicyFault> {
        let mut members = Vec::new();
        for name in names {
            let member = self.position(name)?;
            if !self.grouped.insert(member) {
                return Err(PolicyFault::Member(name.to_owned()));
            }
            members.push(member);
        }
        if !(1..=members.len()).contains(&threshold) {
            return Err(PolicyFault::Threshold);
        }
        self.define(name, RuleKind::Group { threshold, members })
    }

    fn quorum(&mut self, name: &str) -> Result<(), PolicyFault> {
        let quorum = if name == NONE { None } else { Some(self.position(name)?) };
        if self.quorum.replace(quorum).is_some() { Err(PolicyFault::Quorum) } else { Ok(()) }
    }

    fn finish(self) -> Result<Policy, PolicyFault> {
        let quorum = self.quorum.ok_or(PolicyFault::Quorum)?;
        Ok(Policy { logs: self.logs, rules: self.rules, quorum })
    }

    fn position(&self, name: &str) -> Result<usize, PolicyFault> {
        self.names.get(name).copied().ok_or_else(|| PolicyFault::Undefined(name.to_owned()))
    }

    fn define(&mut self, name: &str, kind: RuleKind) -> Result<(), PolicyFault> {
        if name == NONE || self.names.insert(name.to_owned(), self.rules.len()).is_some() {
            return Err(PolicyFault::Name(name.to_owned()));
        }
        self.rules.push(Rule { name: name.to_owned(), kind });
        Ok(())
    }

    fn line(&mut self, line: &str) -> Result<(), PolicyFault> {
        if line.contains(|c: char| (c < ' ' && c != '\t') || c == '\x7f') {
            return Err(PolicyFault::Characters);
        }
        let items: Vec<&str> = line.split([' ', '\t']).filter(|item| !item.is_empty()).collect();
        match items[..] {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key] | ["log", key, _] => self.log(key.parse()?),
            ["witness", name, key] | ["witness", name, key, _] => self.witness(name, key.parse()?),
            ["group", name, threshold, ref members @ ..] => {
                let threshold = match threshold {
                    "all" => members.len(),
                    "any" => 1,
                    k => decimal(k).ok_or(PolicyFault::Threshold)?,
                };
                self.group(name, threshold, members.iter().copied())
            }
            ["quorum", name] => self.quorum(name),
            _ => Err(PolicyFault::Line),
        }
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut builder = Builder::default();
        let mut line = 1;
        let mut rest = text;
        while let Some((this, after)) = rest.split_once('\n') {
            builder.line(this).map_err(|fault| PolicyError { line, fault })?;
            (rest, line) = (after, line + 1);
        }
        if !rest.is_empty() {
            return Err(PolicyError { line, fault: PolicyFault::Characters });
        }
        builder.finish().map_err(|fault| PolicyError { line, fault })
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.logs.iter().try_for_each(|key| writeln!(f, "log {key}"))?;
        for Rule { name, kind } in &self.rules {
            match kind {
                RuleKind::Witness(key) => writeln!(f, "witness {name} {key}")?,
                RuleKind::Group { threshold, members } => {
                    write!(f, "group {name} {threshold}")?;
                    members.iter().try_for_each(|member| write!(f, " {}", self.rules[*member].name))?;
                    writeln!(f)?;
                }
            }
        }
        writeln!(f, "quorum {}", self.quorum.map_or(NONE, |quorum| &self.rules[quorum].name))
    }
}
