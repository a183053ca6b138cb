//! `GET /v1/export`: the chain as a self-contained archive, streamed block by block.

use std::io::{self, Write};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use serde::Deserialize;
use tally_contracts::types::Height;
use tally_ledger::archive::ArchiveWriter;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use super::Api;
use super::openapi::Octets;
use super::params::Params;
use super::problem::Problem;

/// Parameters of an export.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportParams {
    /// The last block; the newest where it is left out.
    to_height: Option<Height>,
}

/// Bytes that are sent at once.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks on their way: what a slow reader keeps in memory.
const CHUNKS: usize = 16;

/// The chain as a self-contained archive that `tally verify` checks offline, streamed block by block.
#[utoipa::path(get, path = "/v1/export", operation_id = "exportArchive", tag = "chain", params(ExportParams),
    responses((status = 200, description = "The archive.", body = Octets, content_type = "application/octet-stream")))]
pub async fn export(State(api): State<Arc<Api>>, Params(params): Params<ExportParams>) -> Result<Response, Problem> {
    let permit = api.exports.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::overloaded("too many exports are in progress", 10_000))?;
    let to_height = api.query(move |snapshot| snapshot.height(params.to_height)).await?;
    let (sender, receiver) = mpsc::channel(CHUNKS);
    tokio::task::spawn_blocking(move || {
        // Held to the end: a reader that stalls keeps a thread, and the others are consensus's too.
        let _permit = permit;
        let writer = ChunkWriter { chunk: Vec::with_capacity(CHUNK_BYTES), to: sender.clone() };
        if let Err(error) = write_archive(&api, to_height, writer) {
            // The stream ends in an error, so that nobody takes a part for the whole. The reader may be gone.
            let _ = sender.blocking_send(Err(error));
        }
    });
    let body = stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    let name = format!("attachment; filename=\"tally-{to_height}.archive\"");
    let headers = [(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(body)).into_response())
}

fn write_archive(api: &Api, to_height: Height, writer: ChunkWriter) -> io::Result<()> {
    let mut archive = ArchiveWriter::new(writer, api.replica.chain().genesis())?;
    for height in (1..=to_height.0).map(Height) {
        let (block, certificate) =
            api.replica.committed(height).ok_or_else(|| io::Error::other(format!("block {height} cannot be read")))?;
        archive.append(&block, &certificate)?;
    }
    archive.finish()?.flush()
}

/// Sends what is written in chunks; waits where the reader is slow.
struct ChunkWriter {
    chunk: Vec<u8>,
    to: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK_BYTES));
        self.to.blocking_send(Ok(chunk.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
