//! An alliance of one whose checkpoints the test makes final and whose blocks it makes as evidence comes; and operators that
//! answer as the test says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use reqwest::Url;
use tally_contracts::checkpoint::{
    Anchor, Attest, Checkpoint, CheckpointSignatures, Evidence, Roots, TreeHead, attested_texts, checkpoint_text,
};
use tally_contracts::crypto::sign;
use tally_contracts::receipt::{Applied, Outcome};
use tally_contracts::state::{read, tag};
use tally_contracts::transaction::{Body, CheckedTransaction, Operation};
use tally_contracts::types::{HOUR_MS, Hash, Reference};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::anchoring::{Anchoring, AnchoringOptions, Delays, Mark, Node, Operator, Standing};
use crate::ingress::submitter::{self, Submitter, SubmitterOptions};
use crate::ingress::testing::{Alliance, COSIGNER, MERCHANT, OPERATOR, chain_id, key, signed, unsigned};
use crate::mempool::{Mempool, MempoolOptions};
use crate::storage::disk::{Disk, RealDisk};

const LIMIT: Duration = Duration::from_secs(60);

/// The interval of checkpoints.
const INTERVAL_MS: u64 = 600_000;

/// The node that anchors.
pub struct World {
    pub alliance: Alliance,
    mempool: Arc<Mempool>,
    submitter: Arc<Submitter>,
    /// Evidence that came onto the record, in order.
    pub anchors: Vec<Anchor>,
}

impl World {
    pub fn new() -> Self {
        let alliance = Alliance::new();
        let mempool = Arc::new(Mempool::new(MempoolOptions::default()));
        let replica = alliance.replica.clone();
        let node = submitter::Node { replica, mempool: mempool.clone(), network: None };
        let options = SubmitterOptions::new(alliance.dir.path().join("outbox"), MERCHANT, key(OPERATOR));
        let submitter = Submitter::open(options, Arc::new(RealDisk), node).unwrap();
        Self { alliance, mempool, submitter, anchors: Vec::new() }
    }

    /// Starts anchoring one checkpoint in so many.
    pub fn start(&self, operators: Vec<Operator>, every_checkpoints: u64) -> Anchoring {
        let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build().unwrap();
        let dir = self.alliance.dir.path().join("anchors");
        let mut options = AnchoringOptions::new(dir, operators, every_checkpoints, client);
        // The alliance's blocks are of long ago.
        options.max_lag_ms = None;
        options.delays = Delays { first: Duration::from_millis(1), most: Duration::from_millis(4) };
        let (replica, submitter) = (self.alliance.replica.clone(), self.submitter.clone());
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        Anchoring::start(options, &disk, &Node { replica, submitter }).unwrap()
    }

    /// Makes a checkpoint and attests it, which makes it final.
    pub fn checkpoint(&self) -> Mark {
        let time_ms = self.alliance.replica.head().time_ms;
        let height = self.alliance.commit(vec![], INTERVAL_MS - time_ms % INTERVAL_MS).block.header().height;
        self.alliance.commit(vec![], 1);
        let checkpoint = self.on_record(height);
        let roots = Roots { state_root: Hash([1; 32]), erc1155_root: Hash([2; 32]) };
        let texts = attested_texts(&chain_id(), height, &checkpoint, &roots);
        let [log, cosigner, state] = texts.map(|text| sign(&key(COSIGNER), text.as_bytes()));
        let signatures = Box::new(CheckpointSignatures { log, cosigner, state });
        let Roots { state_root, erc1155_root } = roots;
        let attest = Body::Attest(Attest { height, state_root, erc1155_root, signatures });
        let operation = Operation::new(Reference::new(checkpoint.time_ms, u128::from(height.0)), attest);
        let valid_until_ms = checkpoint.time_ms + HOUR_MS;
        let mut transaction = unsigned(vec![operation]);
        transaction.valid_until_ms = valid_until_ms;
        let committed = self.alliance.commit(vec![signed(transaction, OPERATOR)], 1);
        let outcome = &committed.executed.receipts[0][0].outcome;
        assert!(matches!(outcome, Outcome::Applied(Applied::Attested { is_final: true, .. })), "{outcome:?}");
        Mark { height, time_ms: checkpoint.time_ms }
    }

    /// What the contracts know of a checkpoint.
    pub fn on_record(&self, height: tally_contracts::types::Height) -> Checkpoint {
        self.alliance.replica.read(|view| read(view.store, tag::checkpoints, &height)).unwrap()
    }

    /// What an operator vouches for.
    pub fn text(&self, mark: Mark) -> String {
        let Checkpoint { log_size, log_root, .. } = self.on_record(mark.height);
        checkpoint_text(&chain_id(), &TreeHead { size: log_size, root: log_root })
    }

    /// Makes blocks of what comes until the first operator has come so far.
    pub async fn until(&mut self, anchoring: &Anchoring, what: &str, done: impl Fn(&[Standing]) -> bool) {
        let progress = anchoring.progress();
        let make_blocks = async {
            while !done(&progress.standings()) {
                self.make_block();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LIMIT, make_blocks).await.unwrap_or_else(|_| panic!("{what}: {:?}", progress.standings()));
    }

    fn make_block(&mut self) {
        let transactions: Vec<CheckedTransaction> = self.mempool.take(4 << 20);
        if transactions.is_empty() {
            return;
        }
        let committed = self.alliance.commit(transactions, 1);
        self.mempool.remove_committed(&committed.block);
        for (transaction, receipts) in committed.block.transactions().iter().zip(&committed.executed.receipts) {
            for (operation, receipt) in transaction.transaction().operations.iter().zip(receipts) {
                let Body::Anchor(anchor) = &operation.body else { panic!("nothing else is submitted") };
                assert_eq!(receipt.outcome, Outcome::Applied(Applied::Anchored));
                self.anchors.push(anchor.clone());
            }
        }
    }

    /// The evidence on record for a checkpoint.
    pub fn evidence(&self, mark: Mark) -> Vec<&Evidence> {
        self.anchors.iter().filter(|anchor| anchor.checkpoint == mark.height).map(|anchor| &anchor.evidence).collect()
    }
}

/// Waits without making blocks.
pub async fn wait(what: &str, done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

/// Whether the first operator has anchored a checkpoint and nothing waits for it.
pub fn anchored(mark: Mark) -> impl Fn(&[Standing]) -> bool {
    move |standings| standings[0].anchored == Some(mark) && standings[0].queued == 0
}

/// Whether the first operator has been asked so often.
pub fn asked(operator: &Fake, times: usize) -> impl Fn(&[Standing]) -> bool {
    let asked = operator.asked.clone();
    move |_| asked.lock().unwrap().len() >= times
}

/// What an operator answers: status, content type, body.
pub type Reply = (u16, &'static str, Vec<u8>);

/// What an operator was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub content_type: String,
    pub body: Bytes,
}

/// An operator on the loopback.
pub struct Fake {
    pub url: Url,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// One that answers so.
    pub async fn serve(answer: impl FnMut(&[u8]) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/service", listener.local_addr().unwrap()).parse().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (list, answer) = (asked.clone(), Arc::new(Mutex::new(answer)));
        let handler = move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let (status, content_type, reply) = (*answer.lock().unwrap())(&body);
            let asked_type = headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
            list.lock().unwrap().push(Asked { path: uri.path().to_owned(), content_type: asked_type, body });
            (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, content_type)], reply)
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self { url, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}
