//! Swarms over loopback: what is sent arrives, strangers and garbage are kept out.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const LIMIT: Duration = Duration::from_secs(20);

/// A node with what it received.
struct Node {
    handle: NetworkHandle,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
}

fn id_of(seed: u8) -> PeerId {
    peer_id(&[seed; 32]).unwrap()
}

fn anywhere() -> Multiaddr {
    "/ip4/127.0.0.1/tcp/0".parse().unwrap()
}

fn nowhere() -> Multiaddr {
    "/ip4/127.0.0.1/tcp/9".parse().unwrap()
}

/// Starts a node that accepts what begins with 1, is busy once in a while, refuses 3 and takes the rest for garbage.
async fn node(seed: u8, peers: Vec<Peer>) -> Node {
    node_with(seed, peers, guests::none()).await
}

/// The same, with guests.
async fn node_with(seed: u8, peers: Vec<Peer>, guests: Guests) -> Node {
    let received = Arc::new(Mutex::new(Vec::new()));
    let (store, calls) = (received.clone(), Mutex::new(0_u32));
    let incoming = move |bytes: Vec<u8>| {
        let mut calls = calls.lock().unwrap();
        *calls += 1;
        match bytes[0] {
            1 if *calls % 5 == 0 => Verdict::Busy,
            1 => {
                store.lock().unwrap().push(bytes);
                Verdict::Accept
            }
            3 => Verdict::Refuse,
            _ => Verdict::Garbage,
        }
    };
    let options = NetworkOptions { penalty_ms: 300, guests, ..NetworkOptions::new([seed; 32], anywhere(), peers) };
    Node { handle: spawn(options, Arc::new(incoming)).await.unwrap(), received }
}

impl Node {
    fn as_peer(&self) -> Peer {
        Peer { id: self.handle.peer_id(), address: self.handle.address().clone() }
    }

    fn received(&self) -> Vec<Vec<u8>> {
        let mut received = self.received.lock().unwrap().clone();
        received.sort();
        received
    }

    async fn connected(&self, count: usize) {
        let mut connected = self.handle.watch_connected();
        let reached = tokio::time::timeout(LIMIT, connected.wait_for(|c| c.len() == count)).await;
        reached.unwrap_or_else(|_| panic!("not {count} peers")).unwrap();
    }
}

fn listed(seed: u8) -> Peer {
    Peer { id: id_of(seed), address: nowhere() }
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < LIMIT, "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_transaction_reaches_every_listed_peer_however_busy() {
    let a = node(1, vec![listed(2), listed(3)]).await;
    let b = node(2, vec![a.as_peer(), listed(3)]).await;
    let c = node(3, vec![a.as_peer(), b.as_peer()]).await;
    for node in [&a, &b, &c] {
        node.connected(2).await;
    }
    let sent: Vec<Vec<u8>> = (0..40_u8).map(|n| vec![1, n]).collect();
    for bytes in &sent {
        a.handle.broadcast(bytes.clone().into()).unwrap();
    }
    a.handle.broadcast(vec![3, 3].into()).unwrap();
    until("all arrive", || b.received() == sent && c.received() == sent).await;
    assert!(a.received().is_empty());
    assert_eq!(a.handle.connected_peers().len(), 2, "a refused transaction is no offence");
}

#[tokio::test]
async fn a_peer_that_returns_is_announced_and_served() {
    let a = node(1, vec![listed(2)]).await;
    let mut joined = a.handle.joined();
    let b = node(2, vec![a.as_peer()]).await;
    assert_eq!(joined.recv().await.unwrap(), id_of(2));
    b.connected(1).await;
    b.handle.shutdown().await;
    a.connected(0).await;
    a.handle.broadcast(vec![1, 1].into()).unwrap();
    let b = node(2, vec![a.as_peer()]).await;
    assert_eq!(joined.recv().await.unwrap(), id_of(2));
    a.handle.send(id_of(2), vec![vec![1, 2].into(), vec![1, 3].into()]).unwrap();
    until("what was sent to it arrives", || b.received() == [vec![1, 2], vec![1, 3]]).await;
}

#[tokio::test]
async fn an_unlisted_peer_is_refused() {
    let a = node(1, vec![listed(2)]).await;
    let stranger = node(9, vec![a.as_peer()]).await;
    let b = node(2, vec![a.as_peer()]).await;
    a.connected(1).await;
    stranger.handle.broadcast(vec![1, 66].into()).unwrap();
    b.handle.broadcast(vec![1, 2].into()).unwrap();
    until("the listed peer is served", || a.received() == [vec![1, 2]]).await;
    assert_eq!(a.handle.connected_peers(), [id_of(2)]);
    stranger.connected(0).await;
}

#[tokio::test]
async fn a_guest_is_let_in_while_the_node_runs_and_served_until_it_leaves() {
    let (list, guests) = watch::channel(BTreeSet::new());
    let a = node_with(1, vec![listed(2)], guests).await;
    let (b, guest) = (node(2, vec![a.as_peer()]).await, node(5, vec![a.as_peer()]).await);
    a.connected(1).await;
    assert_eq!(a.handle.connected_peers(), [id_of(2)]);
    list.send_replace(BTreeSet::from([id_of(5)]));
    a.connected(2).await;
    a.handle.broadcast(vec![1, 1].into()).unwrap();
    guest.handle.broadcast(vec![1, 5].into()).unwrap();
    until("both ways", || guest.received() == [vec![1, 1]] && a.received() == [vec![1, 5]]).await;
    list.send_replace(BTreeSet::new());
    a.connected(1).await;
    guest.connected(0).await;
    until("the others are served", || b.received() == [vec![1, 1]]).await;
}

#[tokio::test]
async fn a_guest_that_leaves_and_returns_while_its_transaction_is_judged_does_no_harm() {
    let (list, guests) = watch::channel(BTreeSet::from([id_of(5)]));
    let (begins, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, gate) = std::sync::mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let incoming = move |bytes: Vec<u8>| {
        begins.send(bytes).unwrap();
        gate.lock().unwrap().recv().unwrap();
        Verdict::Accept
    };
    let options = NetworkOptions { guests, ..NetworkOptions::new([1; 32], anywhere(), vec![]) };
    let a = spawn(options, Arc::new(incoming)).await.unwrap();
    let guest = node(5, vec![Peer { id: a.peer_id(), address: a.address().clone() }]).await;
    guest.connected(1).await;
    guest.handle.broadcast(vec![1, 1].into()).unwrap();
    assert_eq!(begun.recv().await.unwrap(), [1, 1]);
    for guests in [BTreeSet::new(), BTreeSet::from([id_of(5)])] {
        let count = guests.len();
        list.send_replace(guests);
        guest.connected(count).await;
    }
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    guest.handle.broadcast(vec![1, 2].into()).unwrap();
    let next = tokio::time::timeout(LIMIT, begun.recv()).await;
    assert_eq!(next.expect("the network goes on").unwrap(), [1, 2]);
}

#[tokio::test]
async fn a_peer_that_sends_garbage_is_cut_off_for_a_while() {
    let a = node(1, vec![listed(2), listed(3)]).await;
    let (b, c) = (node(2, vec![a.as_peer()]).await, node(3, vec![a.as_peer()]).await);
    a.connected(2).await;
    let too_long = vec![1; tally_contracts::transaction::MAX_LEAF_BYTES + 1];
    for (turn, garbage) in [vec![66], too_long, vec![]].into_iter().enumerate() {
        b.handle.broadcast(garbage.into()).unwrap();
        a.connected(1).await;
        assert_eq!(a.handle.connected_peers(), [id_of(3)]);
        c.handle.broadcast(vec![1, 3].into()).unwrap();
        until("the others are served", || a.received() == vec![vec![1, 3]; turn + 1]).await;
        a.connected(2).await;
        b.connected(1).await;
    }
}

#[tokio::test]
async fn bytes_that_are_no_protocol_do_no_harm() {
    let a = node(1, vec![listed(2)]).await;
    let port = a.handle.address().iter().find_map(|part| match part {
        libp2p::multiaddr::Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    let address = ("127.0.0.1", port.unwrap());
    for garbage in [vec![0xff; 100_000], b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0; 3]] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // May fail, as the node hangs up on the first wrong byte.
        let _ = stream.write_all(&garbage).await;
        let _ = stream.shutdown().await;
        let _ = tokio::time::timeout(LIMIT, stream.read_to_end(&mut Vec::new())).await.expect("the node hangs up");
    }
    let b = node(2, vec![a.as_peer()]).await;
    b.connected(1).await;
    b.handle.broadcast(vec![1, 2].into()).unwrap();
    until("the node goes on", || a.received() == [vec![1, 2]]).await;
}

#[test]
fn the_codec_reads_what_it_writes_and_nothing_else() {
    use codec::{Answer, read_answer, read_transaction, write_answer, write_transaction};
    let (number, transaction) = (0x0102_0304_0506_0708, Bytes::from(vec![7; 65_535]));
    let written = write_transaction(number, &transaction);
    assert_eq!(written[..9], [8, 7, 6, 5, 4, 3, 2, 1, 7]);
    assert_eq!(read_transaction(&written), Some((number, transaction)));
    assert_eq!(read_transaction(&[&written[..], &[7]].concat().into()), None, "too long");
    assert_eq!(read_transaction(&written.slice(..8)), None, "empty");
    assert_eq!(read_transaction(&written.slice(..7)), None, "no number");
    for (byte, answer) in [(1, Answer::Accepted), (2, Answer::Busy), (3, Answer::Refused)] {
        let written = write_answer(number, answer);
        assert_eq!(written[..], [8, 7, 6, 5, 4, 3, 2, 1, byte]);
        assert_eq!(read_answer(&written), Some((number, answer)));
    }
    for wrong in [&[8, 7, 6, 5, 4, 3, 2, 1, 4][..], &[8, 7, 6, 5, 4, 3, 2, 1], &[8, 7, 6, 5, 4, 3, 2, 1, 1, 1]] {
        assert_eq!(read_answer(wrong), None, "{wrong:?}");
    }
}

#[test]
fn a_peer_is_read_from_its_address() {
    let text = format!("/ip4/192.0.2.7/tcp/27000/p2p/{}", id_of(1));
    let peer: Peer = text.parse().unwrap();
    assert_eq!((peer.id, peer.to_string()), (id_of(1), text));
    assert!(format!("/dns4/shop.example/tcp/27000/p2p/{}", id_of(1)).parse::<Peer>().is_ok());
    for wrong in ["", "/ip4/192.0.2.7/tcp/27000", "/ip4/192.0.2.7/udp/1/quic-v1", "192.0.2.7:27000"] {
        assert!(wrong.parse::<Peer>().is_err(), "{wrong}");
    }
}
