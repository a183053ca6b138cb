//! A statement is complete: its lines chain up to the statement hash of the holding's record at a checkpoint, from nothing or
//! from the record at an earlier one.

use serde::{Deserialize, Serialize};
use tally_contracts::encoding;
use tally_contracts::points::StatementLine;
use tally_contracts::types::{Address, ClassId, Hash};
use utoipa::ToSchema;

use super::{Hex, ProofFault, RecordPart, Vouched};
use crate::note::Policy;
use crate::roots::records::Record;

/// The lines, and the records of the holding on either end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementProof {
    /// Whose.
    pub holder: Address,
    /// Of which class.
    pub class: ClassId,
    /// The holding before the first line; none where the statement goes back to the holding's beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<RecordPart>,
    /// The holding after the last line.
    pub to: RecordPart,
    /// The canonical bytes of each line, the oldest first.
    pub lines: Vec<Hex>,
}

/// A statement that lacks nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProvedStatement {
    /// Its lines, the oldest first.
    pub lines: Vec<StatementLine>,
    /// Who vouches for where it begins; none where it begins with the holding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Vouched>,
    /// Who vouches for where it ends.
    pub to: Vouched,
}

impl StatementProof {
    pub(super) fn verify(&self, policy: &Policy) -> Result<ProvedStatement, ProofFault> {
        let from = self.from.as_ref().map(|part| self.holding(part, policy)).transpose()?;
        let (end, to) = self.holding(&self.to, policy)?;
        let start = from.as_ref().map_or(Hash::ZERO, |(hash, _)| *hash);
        let reached = self.lines.iter().fold(start, |hash, line| StatementLine::chain(&hash, &line.0));
        if reached != end {
            return Err(ProofFault::Mismatch("the lines do not lead from one statement hash to the other"));
        }
        // The chain is over these very bytes, so each line is the holding's.
        let read = |line: &Hex| encoding::decode(&line.0).map_err(|_| ProofFault::Unreadable("a line"));
        let lines = self.lines.iter().map(read).collect::<Result<_, _>>()?;
        Ok(ProvedStatement { lines, from: from.map(|(_, vouched)| vouched), to })
    }

    /// The statement hash of the holding in a record.
    fn holding(&self, part: &RecordPart, policy: &Policy) -> Result<(Hash, Vouched), ProofFault> {
        match part.verify(policy)? {
            (Record::Holding { address, class, statement_hash, .. }, vouched)
                if (address, class) == (self.holder, self.class) =>
            {
                Ok((statement_hash, vouched))
            }
            _ => Err(ProofFault::Mismatch("the record is of another holding")),
        }
    }
}
