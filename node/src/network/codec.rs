//! What travels between nodes: one transaction, and a word on it.
//!
//! Format: a request is the length of a transaction, u32 little-endian from 1 to [`MAX_LEAF_BYTES`], and its canonical
//! bytes; the answer is one byte, 1 accepted, 2 busy, 3 refused. Nothing is read before its length is known to be within
//! bounds, so a peer cannot make a node hold more than one transaction a stream.

use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::{StreamProtocol, request_response};
use tally_contracts::transaction::MAX_LEAF_BYTES;

/// The name of the protocol; its version changes with the format.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/tally/transactions/1");

/// What a node says to a transaction it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It waits for a block there, or did before.
    Accepted,
    /// No room just now: to be sent again.
    Busy,
    /// Not to be sent again.
    Refused,
}

/// Reads and writes requests and answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct TransactionCodec;

#[async_trait]
impl request_response::Codec for TransactionCodec {
    type Protocol = StreamProtocol;
    type Request = Bytes;
    type Response = Answer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Bytes>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut length = [0; 4];
        io.read_exact(&mut length).await?;
        let length = u32::from_le_bytes(length) as usize;
        if length == 0 || length > MAX_LEAF_BYTES {
            return Err(invalid(&format!("a transaction of {length} bytes")));
        }
        let mut bytes = vec![0; length];
        io.read_exact(&mut bytes).await?;
        end(io).await?;
        Ok(bytes.into())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Answer>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut answer = [0; 1];
        io.read_exact(&mut answer).await?;
        match answer[0] {
            1 => Ok(Answer::Accepted),
            2 => Ok(Answer::Busy),
            3 => Ok(Answer::Refused),
            other => Err(invalid(&format!("answer {other}"))),
        }
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, transaction: Bytes) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let length = u32::try_from(transaction.len()).map_err(|_| invalid("a transaction beyond 4 GiB"))?;
        io.write_all(&length.to_le_bytes()).await?;
        io.write_all(&transaction).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, answer: Answer) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let byte = match answer {
            Answer::Accepted => 1,
            Answer::Busy => 2,
            Answer::Refused => 3,
        };
        io.write_all(&[byte]).await
    }
}

/// Sees to it that nothing follows.
async fn end<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<()> {
    match io.read(&mut [0; 1]).await? {
        0 => Ok(()),
        _ => Err(invalid("bytes after the transaction")),
    }
}

/// Only this kind of error is the peer's fault; a stream that ends early may be a lost connection.
fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
