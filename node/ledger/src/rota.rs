//! The rota: which validators are on duty at which height, as far as a head knows.
//!
//! A block that changes the validators names the height from which the change counts, `NOTICE_BLOCKS` ahead. So a head knows
//! the validators of its own height, by whom it is certified, and of the two after it, whose parts may come in already.
//! **Invariant**: a rota is a function of the chain up to its head alone.

use std::sync::Arc;

use tally_contracts::genesis::Genesis;
use tally_contracts::governance::{NOTICE_BLOCKS, ValidatorSet};
use tally_contracts::types::Height;
use wincode::{SchemaRead, SchemaWrite};

const _: () = assert!(NOTICE_BLOCKS >= 2, "the next two heights have validators that the head knows");

/// Validators with the first height that they are for, by rising height; first those on duty at the head. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Rota(Arc<[(Height, ValidatorSet)]>);

impl Rota {
    /// The rota before the first block.
    #[must_use]
    pub fn of_genesis(genesis: &Genesis) -> Self {
        Self([(Height(1), ValidatorSet::of_genesis(genesis))].into())
    }

    /// The validators of a height from the head's on; for an earlier one those of the head.
    #[must_use]
    pub fn of(&self, height: Height) -> &ValidatorSet {
        let begun = self.0.partition_point(|(from, _)| *from <= height);
        &self.0[begun.saturating_sub(1)].1
    }

    /// The rota once the block at `head` has announced validators.
    ///
    /// # Panics
    /// When what is announced does not lie two heights ahead, and after all that was announced before.
    #[must_use]
    pub(crate) fn after(&self, head: Height, announced: &[(Height, ValidatorSet)]) -> Self {
        let over = self.0.partition_point(|(from, _)| *from <= head).saturating_sub(1);
        if over == 0 && announced.is_empty() {
            return self.clone();
        }
        let mut epochs = self.0[over..].to_vec();
        for (from, set) in announced {
            let last = epochs.last().map_or(Height(0), |(last, _)| *last);
            assert!(*from > last && from.0 >= head.0 + 2, "validators are announced in order, and ahead of their time");
            epochs.push((*from, set.clone()));
        }
        Self(epochs.into())
    }

    /// What was announced for heights after `head`.
    pub fn coming(&self, head: Height) -> impl Iterator<Item = &(Height, ValidatorSet)> {
        self.0.iter().filter(move |(from, _)| *from > head)
    }
}

#[cfg(test)]
mod tests {
    use tally_contracts::crypto::PublicKey;
    use tally_contracts::governance::Validator;
    use tally_contracts::types::MerchantId;

    use super::*;

    /// As many validators as that.
    fn set(count: u16) -> ValidatorSet {
        let (public_key, cosigner_key) = (PublicKey::default(), PublicKey::default());
        let validator = |id: u16| Validator { merchant: MerchantId(id), public_key, cosigner_key };
        ValidatorSet::new((1..=count).map(validator).collect())
    }

    fn rota(epochs: &[(u64, u16)]) -> Rota {
        Rota(epochs.iter().map(|(from, count)| (Height(*from), set(*count))).collect())
    }

    #[test]
    fn a_set_is_on_duty_from_its_height_until_the_next() {
        let rota = rota(&[(1, 4), (15, 5), (27, 4)]);
        for (height, count) in [(0, 4), (1, 4), (14, 4), (15, 5), (26, 5), (27, 4), (u64::MAX, 4)] {
            assert_eq!(*rota.of(Height(height)), set(count), "height {height}");
        }
        assert_eq!(rota.coming(Height(15)).map(|(from, _)| from.0).collect::<Vec<_>>(), [27]);
    }

    #[test]
    fn what_is_over_goes_only_once_no_certificate_is_judged_by_it() {
        let start = rota(&[(1, 4)]);
        let announced = start.after(Height(5), &[(Height(15), set(5)), (Height(16), set(6))]);
        assert_eq!(announced, rota(&[(1, 4), (15, 5), (16, 6)]));
        // Block 15 carries the certificate of 14, which the first four signed.
        assert_eq!(announced.after(Height(14), &[]), announced);
        assert_eq!(announced.after(Height(15), &[]), rota(&[(15, 5), (16, 6)]));
        assert_eq!(announced.after(Height(16), &[]), rota(&[(16, 6)]));
    }

    #[test]
    #[should_panic(expected = "ahead of their time")]
    fn nothing_is_announced_for_a_height_whose_parts_may_be_here() {
        let _ = rota(&[(1, 4)]).after(Height(5), &[(Height(6), set(5))]);
    }
}
