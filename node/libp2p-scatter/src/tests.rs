//! Real swarms on loopback: who gets what, in which order, and what ends a connection.

use std::time::Duration;

use futures::StreamExt as _;
use libp2p::swarm::SwarmEvent;
use libp2p::{Swarm, noise, tcp, yamux};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const MAX_MESSAGE_BYTES: usize = 64 << 10;
const SILENCE: Duration = Duration::from_millis(500);

fn votes() -> Topic {
    Topic::new(b"votes")
}

fn parts() -> Topic {
    Topic::new(b"parts")
}

fn swarm(max_buf_size: usize) -> Swarm<Behaviour> {
    libp2p::SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("a transport")
        .with_behaviour(|_| Behaviour { silence: SILENCE, ..Behaviour::new(Config { max_buf_size }) })
        .expect("a behaviour")
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build()
}

/// Two swarms that are connected, the first of which may send longer messages than the second takes.
async fn pair() -> [Swarm<Behaviour>; 2] {
    pair_by(async |address| address).await
}

/// The same, of which the second dials what stands for the first's address.
async fn pair_by(way: impl AsyncFn(Multiaddr) -> Multiaddr) -> [Swarm<Behaviour>; 2] {
    let [mut a, mut b] = [swarm(2 * MAX_MESSAGE_BYTES), swarm(MAX_MESSAGE_BYTES)];
    a.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("an address")).expect("a port");
    loop {
        tokio::select! {
            event = a.select_next_some() => match event {
                SwarmEvent::NewListenAddr { address, .. } => b.dial(way(address).await).expect("a dial"),
                SwarmEvent::ConnectionEstablished { .. } => return [a, b],
                _ => {}
            },
            _ = b.select_next_some() => {}
        }
    }
}

#[derive(Debug, PartialEq)]
enum Seen {
    Event(usize, Event),
    Closed,
}

/// The next thing that one of both tells, with its place.
async fn next([a, b]: &mut [Swarm<Behaviour>; 2]) -> Seen {
    let find = async {
        loop {
            let (at, event) = tokio::select! {
                event = a.select_next_some() => (0, event),
                event = b.select_next_some() => (1, event),
            };
            match event {
                SwarmEvent::Behaviour(event) => return Seen::Event(at, event),
                SwarmEvent::ConnectionClosed { .. } => return Seen::Closed,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), find).await.expect("something happens")
}

/// The second subscribes to topics, and the first knows.
async fn subscribe(swarms: &mut [Swarm<Behaviour>; 2], topics: &[Topic]) {
    let subscriber = *swarms[1].local_peer_id();
    for topic in topics {
        swarms[1].behaviour_mut().subscribe(topic.clone());
        assert_eq!(next(swarms).await, Seen::Event(0, Event::Subscribed(subscriber, topic.clone())));
    }
}

#[tokio::test]
async fn messages_of_a_topic_come_in_order_to_who_wants_it_and_to_nobody_else() {
    let mut swarms = pair().await;
    subscribe(&mut swarms, &[votes()]).await;
    let sender = *swarms[0].local_peer_id();
    let messages: Vec<Bytes> =
        (0..1_000_u32).map(|i| Bytes::from(i.to_le_bytes().repeat(1 + i as usize % 500))).collect();
    for message in &messages {
        swarms[0].behaviour_mut().broadcast(&parts(), message.clone());
        swarms[0].behaviour_mut().broadcast(&votes(), message.clone());
        swarms[1].behaviour_mut().broadcast(&votes(), message.clone());
    }
    for message in messages {
        assert_eq!(next(&mut swarms).await, Seen::Event(1, Event::Received(sender, votes(), message)));
    }
}

#[tokio::test]
async fn whoever_unsubscribes_is_sent_nothing_more() {
    let mut swarms = pair().await;
    subscribe(&mut swarms, &[votes(), parts()]).await;
    let [sender, subscriber] = [*swarms[0].local_peer_id(), *swarms[1].local_peer_id()];
    swarms[1].behaviour_mut().unsubscribe(&votes());
    assert_eq!(next(&mut swarms).await, Seen::Event(0, Event::Unsubscribed(subscriber, votes())));
    for topic in [votes(), parts()] {
        swarms[0].behaviour_mut().broadcast(&topic, Bytes::from_static(b"aye"));
    }
    let received = Event::Received(sender, parts(), Bytes::from_static(b"aye"));
    assert_eq!(next(&mut swarms).await, Seen::Event(1, received));
    assert!(swarms[1].behaviour().subscribed().eq([&parts()]));
}

#[tokio::test]
async fn whoever_connects_later_is_told_what_is_wanted() {
    let mut swarms = pair().await;
    subscribe(&mut swarms, &[votes()]).await;
    let [first, second] = swarms.each_ref().map(|swarm| *swarm.local_peer_id());
    swarms[1].disconnect_peer_id(first).expect("a connection");
    assert_eq!(next(&mut swarms).await, Seen::Closed);
    while swarms[0].is_connected(&second) {
        assert_eq!(next(&mut swarms).await, Seen::Closed);
    }
    let address = swarms[0].listeners().next().expect("a port").clone();
    swarms[1].dial(address).expect("a dial");
    assert_eq!(next(&mut swarms).await, Seen::Event(0, Event::Subscribed(second, votes())));
}

#[tokio::test]
async fn a_message_as_long_as_allowed_comes_and_a_longer_one_closes_the_connection() {
    let mut swarms = pair().await;
    subscribe(&mut swarms, &[votes()]).await;
    let sender = *swarms[0].local_peer_id();
    let longest = Bytes::from(vec![7; MAX_MESSAGE_BYTES]);
    swarms[0].behaviour_mut().broadcast(&votes(), longest.clone());
    assert_eq!(next(&mut swarms).await, Seen::Event(1, Event::Received(sender, votes(), longest)));
    swarms[0].behaviour_mut().broadcast(&votes(), Bytes::from(vec![7; 2 * MAX_MESSAGE_BYTES]));
    assert_eq!(next(&mut swarms).await, Seen::Closed);
}

#[tokio::test]
async fn what_waits_for_a_peer_that_takes_nothing_is_bounded() {
    let mut swarms = pair().await;
    subscribe(&mut swarms, &[votes()]).await;
    // 64 MiB, of which the second takes none while only the first is looked after.
    for _ in 0..1_024 {
        swarms[0].behaviour_mut().broadcast(&votes(), Bytes::from(vec![7; MAX_MESSAGE_BYTES]));
    }
    let closed = async {
        loop {
            if let SwarmEvent::ConnectionClosed { .. } = swarms[0].select_next_some().await {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), closed).await.expect("before the time that a peer may stall");
}

/// A way to an address that can be cut, as by a router that forgets about it: nothing comes through, and nobody is told.
async fn way_to(address: Multiaddr) -> (Multiaddr, tokio::task::JoinHandle<()>) {
    let port = |address: &Multiaddr| {
        address.iter().find_map(|part| match part {
            libp2p::multiaddr::Protocol::Tcp(port) => Some(port),
            _ => None,
        })
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let way = format!("/ip4/127.0.0.1/tcp/{}", listener.local_addr().expect("an address").port());
    let to = port(&address).expect("a port");
    let task = tokio::spawn(async move {
        let (near, _) = listener.accept().await.expect("a connection");
        let far = TcpStream::connect(("127.0.0.1", to)).await.expect("a connection");
        // Both stay open when the task is gone.
        let [near, far] = [near, far].map(|stream| Box::leak(Box::new(stream)));
        let _ = tokio::io::copy_bidirectional(near, far).await;
    });
    (way.parse().expect("an address"), task)
}

#[tokio::test]
async fn a_connection_that_leads_nowhere_any_more_is_closed_and_a_quiet_one_is_not() {
    let cut = std::sync::Mutex::new(None);
    let mut swarms = pair_by(async |address| {
        let (way, task) = way_to(address).await;
        *cut.lock().expect("nobody panics") = Some(task);
        way
    })
    .await;
    subscribe(&mut swarms, &[votes()]).await;
    assert!(tokio::time::timeout(5 * SILENCE, next(&mut swarms)).await.is_err(), "it is only quiet");
    cut.into_inner().expect("nobody panics").expect("a way").abort();
    assert_eq!(next(&mut swarms).await, Seen::Closed);
}

#[test]
fn a_peer_subscribes_to_so_many_topics_and_no_more() {
    let mut behaviour = Behaviour::new(Config::default());
    let peer = PeerId::random();
    behaviour.peers.insert(peer, BTreeSet::new());
    let mut subscribe = |i: u8| behaviour.on_frame(peer, Frame { topic: Topic::new(&[i]), word: Word::Subscribe });
    for i in 0..16 {
        assert_eq!(subscribe(i), Some(Event::Subscribed(peer, Topic::new(&[i]))));
    }
    assert_eq!(subscribe(16), None);
    assert_eq!(subscribe(3), Some(Event::Subscribed(peer, Topic::new(&[3]))), "once more does no harm");
}
