//! Disputes that ended with an adjustment: the creditor of the disputed operation owes its debtor.

use tally_contracts::types::MerchantId;

use super::super::account::Account;
use super::super::amount::Cny;
use super::super::books::{At, Books};
use super::super::entries::{Kind, Subject};

impl Books {
    /// Books an adjustment on either side; nothing for a dispute that was dismissed.
    pub(in super::super) fn adjusted(&mut self, at: At, (debtor, creditor): (MerchantId, MerchantId), amount: Cny) {
        if amount == Cny::ZERO {
            return;
        }
        if debtor == self.merchant {
            let postings = [(Account::Receivable(creditor), amount), (Account::AdjustmentGain(creditor), -amount)];
            self.post(at, Kind::AdjustmentGain, Subject::Merchant(creditor), &postings);
        } else if creditor == self.merchant {
            let postings = [(Account::AdjustmentLoss(debtor), amount), (Account::Payable(debtor), -amount)];
            self.post(at, Kind::AdjustmentLoss, Subject::Merchant(debtor), &postings);
        }
    }
}
