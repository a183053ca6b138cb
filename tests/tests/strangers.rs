//! Peers that nobody listed, and peers that speak no sense, on both networks: dropped, and the alliance goes on.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use libp2p::futures::StreamExt as _;
use libp2p::swarm::{SwarmEvent, dummy};
use libp2p::{Multiaddr, SwarmBuilder, noise, tcp, yamux};
use serde_json::json;
use tally_tests::{Alliance, PATIENCE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Multiaddrs of a node's consensus and transaction networks, from its configuration.
fn listens(alliance: &Alliance, merchant: u16) -> Result<Vec<Multiaddr>> {
    let text = std::fs::read_to_string(alliance.merchant_dir(merchant).join("node.toml"))?;
    let address = |key: &str| -> Result<Multiaddr> {
        let listen = text.split("[listen]").nth(1).context("a [listen] table")?;
        let line = listen.lines().find(|line| line.starts_with(key)).with_context(|| format!("listen.{key}"))?;
        Ok(line.split('"').nth(1).context("a quoted address")?.parse()?)
    };
    Ok(vec![address("consensus")?, address("transactions")?])
}

fn socket(address: &Multiaddr) -> Result<SocketAddr> {
    let port = address.to_string().rsplit('/').next().context("a port")?.parse::<u16>()?;
    Ok(SocketAddr::from(([127, 0, 0, 1], port)))
}

async fn goes_on(alliance: &mut Alliance, member: &str) -> Result<()> {
    let lines = json!([{ "category": 1, "amount_fen": "500" }]);
    for merchant in 1..=4 {
        anyhow::ensure!(alliance.is_running(merchant)?, "node {merchant} ended: {}", alliance.log_end(merchant));
    }
    alliance.applied(1, &json!({ "issue": { "class": 1, "member": member, "lines": lines } })).await?;
    Ok(())
}

/// Dials with a key that no node lists, and waits until the connection is refused or closed.
async fn is_refused(address: Multiaddr) -> Result<()> {
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)?
        .with_behaviour(|_| dummy::Behaviour)?
        .with_swarm_config(|c| c.with_idle_connection_timeout(PATIENCE * 2))
        .build();
    swarm.dial(address.clone())?;
    let refused = async {
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::OutgoingConnectionError { .. } | SwarmEvent::ConnectionClosed { .. } => return,
                _ => {}
            }
        }
    };
    if tokio::time::timeout(PATIENCE, refused).await.is_err() {
        bail!("{address} keeps a stranger's connection");
    }
    Ok(())
}

/// Sends bytes that are no handshake, and waits until the node hangs up.
async fn is_hung_up_on(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let garbage: Vec<u8> = (0..4_096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    // The node may hang up before it has read all: that is what is wanted.
    let _ = stream.write_all(&garbage).await;
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    anyhow::ensure!(closed.is_ok(), "{address} keeps a connection that sent garbage");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifth_unlisted_peer_is_refused_and_garbage_is_hung_up_on() -> Result<()> {
    let mut alliance = Alliance::start(4).await?;
    let member = alliance.enrol(1, 7).await?;
    for address in listens(&alliance, 1)? {
        is_refused(address.clone()).await?;
        is_hung_up_on(socket(&address)?).await?;
    }
    goes_on(&mut alliance, &member).await
}
