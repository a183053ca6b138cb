//! A line between a till and a node that can be cut: a TCP proxy on the loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// It carries everything.
    Good,
    /// It carries requests; of the answers to POSTs every other one is cut off in its middle.
    LosesAnswers,
    /// It carries nothing; what is open is cut.
    Cut,
}

/// A line to one node.
#[derive(Debug)]
pub struct Line {
    /// What a till takes for the node's address.
    pub url: String,
    quality: watch::Sender<Quality>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    posts: AtomicU64,
    lost: AtomicU64,
    refused: AtomicU64,
}

impl Line {
    /// A good line to the node at `url` (`http://` and a socket address).
    ///
    /// # Errors
    /// When the address is none, or there is no port to listen on.
    pub async fn to(url: &str) -> Result<Self> {
        let node: SocketAddr = url.trim_start_matches("http://").parse().with_context(|| url.to_owned())?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let quality = watch::Sender::new(Quality::Good);
        let counters = Arc::<Counters>::default();
        let (watched, counted) = (quality.subscribe(), counters.clone());
        tokio::spawn(async move {
            while let Ok((till, _)) = listener.accept().await {
                let (watched, counted) = (watched.clone(), counted.clone());
                // An error on either side ends the connection, which is all there is to say.
                tokio::spawn(async move { carry(till, node, watched, &counted).await.ok() });
            }
        });
        Ok(Self { url, quality, counters })
    }

    /// Makes the line better or worse, at once.
    pub fn set(&self, quality: Quality) {
        self.quality.send_replace(quality);
    }

    /// POSTs that reached the node.
    #[must_use]
    pub fn posts(&self) -> u64 {
        self.counters.posts.load(Ordering::Relaxed)
    }

    /// Answers to POSTs that were cut off.
    #[must_use]
    pub fn answers_lost(&self) -> u64 {
        self.counters.lost.load(Ordering::Relaxed)
    }

    /// Connections that came to nothing, for the line was cut.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.counters.refused.load(Ordering::Relaxed)
    }
}

/// Carries one connection until it ends or the line is cut.
async fn carry(
    mut till: TcpStream,
    node: SocketAddr,
    mut quality: watch::Receiver<Quality>,
    counters: &Counters,
) -> Result<()> {
    if *quality.borrow() == Quality::Cut {
        counters.refused.fetch_add(1, Ordering::Relaxed);
        return Ok(());
    }
    let mut node = TcpStream::connect(node).await?;
    let (mut request, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut is_post = false;
    let now = quality.clone();
    loop {
        tokio::select! {
            () = is_cut(&mut quality) => return Ok(()),
            read = till.read(&mut request) => {
                let bytes = &request[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                if bytes.starts_with(b"POST ") {
                    is_post = true;
                    counters.posts.fetch_add(1, Ordering::Relaxed);
                } else if bytes.starts_with(b"GET ") {
                    is_post = false;
                }
                node.write_all(bytes).await?;
            }
            read = node.read(&mut answer) => {
                let bytes = &answer[..read?];
                let is_odd = counters.posts.load(Ordering::Relaxed) % 2 == 1;
                let cut = is_post && is_odd && *now.borrow() == Quality::LosesAnswers;
                if bytes.is_empty() || cut {
                    counters.lost.fetch_add(u64::from(cut), Ordering::Relaxed);
                    till.write_all(&bytes[..bytes.len() / 2]).await?;
                    return Ok(());
                }
                till.write_all(bytes).await?;
            }
        }
    }
}

/// Returns when the line is cut, or nobody is there to cut it.
async fn is_cut(quality: &mut watch::Receiver<Quality>) {
    drop(quality.wait_for(|quality| *quality == Quality::Cut).await);
}
