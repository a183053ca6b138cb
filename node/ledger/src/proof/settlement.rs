//! A closed settlement cycle: its statement, and every leg of it.

use serde::{Deserialize, Serialize};
use tally_contracts::settlement::{Leg, Statement};
use tally_contracts::types::Month;
use utoipa::ToSchema;

use super::{ProofFault, RecordPart, Vouched};
use crate::note::Policy;
use crate::roots::records::Record;

/// The records of a cycle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettlementProof {
    /// The cycle, by its first month.
    pub cycle: Month,
    /// Its statement.
    pub statement: RecordPart,
    /// Its legs by number: all of them, or none of them left out between.
    pub legs: Vec<RecordPart>,
}

/// A settlement that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProvedSettlement {
    /// The cycle, by its first month.
    pub cycle: Month,
    /// What came of it.
    pub statement: Statement,
    /// Its payments, as they stood at the checkpoint.
    pub legs: Vec<Leg>,
    /// Who vouches.
    pub vouched: Vouched,
}

impl SettlementProof {
    pub(super) fn verify(&self, policy: &Policy) -> Result<ProvedSettlement, ProofFault> {
        let (record, vouched) = self.statement.verify(policy)?;
        let statement = match record {
            Record::Statement { cycle, statement } if cycle == self.cycle => statement,
            _ => return Err(ProofFault::Mismatch("the record is no statement of the cycle")),
        };
        if self.legs.len() != usize::from(statement.legs) {
            return Err(ProofFault::Mismatch("the statement has another number of legs"));
        }
        let mut legs = Vec::new();
        for (part, wanted) in self.legs.iter().zip(0_u16..) {
            match part.verify(policy)? {
                (Record::Leg { cycle, number, leg }, of) if (cycle, number) == (self.cycle, wanted) => {
                    if of.height != vouched.height {
                        return Err(ProofFault::Mismatch("a leg is of another checkpoint"));
                    }
                    legs.push(leg);
                }
                _ => return Err(ProofFault::Mismatch("the record is another leg")),
            }
        }
        Ok(ProvedSettlement { cycle: self.cycle, statement, legs, vouched })
    }
}
