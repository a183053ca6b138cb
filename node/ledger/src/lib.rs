//! The ledger: blocks in a hash chain, the certificates that commit them, the transparency log over all of it, archives,
//! and the verification of an archive with nothing but the genesis file.
//!
//! No network, no database: a node drives it block by block ([`chain`]), an auditor replays a whole archive through the
//! very same code ([`verify`]). The stage is in the type: bytes -> [`block::Block`] -> [`chain::CheckedBlock`] ->
//! [`chain::ExecutedBlock`].

pub mod block;
pub mod certificate;
pub mod rota;
pub mod log;
pub mod note;
pub mod leaf;
pub mod chain;
pub mod anchor;
pub mod archive;
pub mod verify;
pub mod roots;
pub mod proof;
