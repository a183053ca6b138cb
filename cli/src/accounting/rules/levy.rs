//! The levy: what the pool takes of points that are issued, whatever becomes of them.

use tally_contracts::types::ClassId;

use super::super::account::Account;
use super::super::amount::Cny;
use super::super::books::{At, Books};
use super::super::entries::{Kind, Subject};

impl Books {
    /// An expense of the issue, owed to the pool; less than zero where a refund takes it back.
    pub(in super::super) fn levied(&mut self, at: At, class: ClassId, amount: Cny) {
        if amount == Cny::ZERO || !self.is_ours(class) {
            return;
        }
        let kind = if amount > Cny::ZERO { Kind::Levy } else { Kind::LevyReversal };
        self.post(at, kind, Subject::Class(class), &[(Account::Levy(class), amount), (Account::Pool, -amount)]);
    }
}
