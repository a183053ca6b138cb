//! The alliance that generated blocks run in: four merchants, four classes and a few members, as it stands.

use std::collections::VecDeque;

use tally_contracts::checkpoint::Checkpoint;
use tally_contracts::due::due_at_ms;
use tally_contracts::execute::known_reference;
use tally_contracts::genesis::Genesis;
use tally_contracts::governance::genesis_writes;
use tally_contracts::membership::{HolderKind, Member, member_address, wallet_address};
use tally_contracts::points::{Hold, Standing, balance_at, latest_in};
use tally_contracts::settlement::Leg;
use tally_contracts::state::{MemoryStore, read, read_range, tag};
use tally_contracts::transaction::Operation;
use tally_contracts::types::{Address, ChainId, ClassId, Hash, Height, MerchantId, Month, Reference};

use crate::founding::genesis;
use crate::keys::Signer;

/// Merchants, from 1 on; merchant `n` issues class `n`.
pub const MERCHANTS: u16 = 4;
/// Members that are enrolled from the start into a merchant's custody, from 1 on.
pub const MEMBERS: u8 = 6;
/// The first of the members that come with a wallet key of their own; the first two are enrolled from the start.
pub const WALLET_MEMBERS: u8 = 11;
/// Members that operations name: of either way of enrolment some may still be enrolled, and 9 never is.
pub const NAMED_MEMBERS: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, WALLET_MEMBERS, WALLET_MEMBERS + 1, WALLET_MEMBERS + 2];
/// The one of the members in custody that has a wallet key from the start, and its wallet.
pub const REGISTERED: (u8, u8) = (5, 4);
/// Operations that are kept, to be sent again or taken up.
const MAX_PAST: usize = 64;

/// Which alliance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Ordinary parameters under a simulated clock.
    Simulated,
    /// Ordinary parameters under the real clock.
    Real,
    /// Every parameter at the end of its range, near the end of time, under the real clock.
    Extreme,
}

impl Start {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Simulated, Self::Real, Self::Extreme];
}

/// The commitment to a member number.
#[must_use]
pub const fn commitment(number: u8) -> Hash {
    Hash([number; 32])
}

/// The merchant that enrols a member.
#[must_use]
pub const fn custodian(number: u8) -> u16 {
    (number as u16 + MERCHANTS - 1) % MERCHANTS + 1
}

/// Which kind of holder a member is enrolled as.
#[must_use]
pub const fn holder(number: u8) -> HolderKind {
    match number {
        3 => HolderKind::Employee,
        6 => HolderKind::Supplier,
        _ => HolderKind::Member,
    }
}

/// The wallet of a member that is enrolled by it.
#[must_use]
pub const fn first_wallet(number: u8) -> Signer {
    Signer::Wallet(number - WALLET_MEMBERS + 1)
}

/// A member's address.
#[must_use]
pub fn member(number: u8) -> Address {
    if number >= WALLET_MEMBERS {
        wallet_address(&first_wallet(number).public())
    } else {
        member_address(MerchantId(custodian(number)), &commitment(number))
    }
}

/// An alliance at some height.
#[derive(Clone, Debug)]
pub struct World {
    /// What it started from.
    pub genesis: Genesis,
    /// The hash of that.
    pub chain_id: ChainId,
    /// State after the last block.
    pub store: MemoryStore,
    /// Of the last block.
    pub height: Height,
    /// Of the last block.
    pub time_ms: u64,
    /// Operations sent before, each with who sent it.
    past: VecDeque<(u16, Operation)>,
    references: u128,
}

impl World {
    /// An alliance before its first block.
    #[must_use]
    pub fn new(start: Start) -> Self {
        let genesis = genesis(start);
        genesis.check().expect("the genesis of the fuzz targets checks");
        let mut store = MemoryStore::default();
        store.apply(&genesis_writes(&genesis));
        let (chain_id, time_ms) = (genesis.chain_id(), genesis.time_ms);
        Self { genesis, chain_id, store, height: Height(0), time_ms, past: VecDeque::new(), references: 0 }
    }

    /// A reference that was not used before, of a time.
    pub fn new_reference(&mut self, time_ms: u64) -> Reference {
        self.references += 1;
        Reference::new(time_ms, self.references)
    }

    /// Keeps an operation in place of the oldest one.
    pub fn remember(&mut self, merchant: u16, operation: &Operation) {
        if self.past.len() == MAX_PAST {
            self.past.pop_front();
        }
        self.past.push_back((merchant, operation.clone()));
    }

    /// Operations sent before, each with who sent it, the oldest first.
    #[must_use]
    pub const fn past(&self) -> &VecDeque<(u16, Operation)> {
        &self.past
    }

    /// What a merchant's operation left to be taken up.
    #[must_use]
    pub fn standing(&self, merchant: u16, reference: Reference) -> Standing {
        known_reference(&self.store, MerchantId(merchant), reference).map_or(Standing::Nothing, |known| known.standing)
    }

    /// When due work is next.
    #[must_use]
    pub fn due_at_ms(&self) -> u64 {
        due_at_ms(&self.store, self.genesis.calendar(), u64::MAX)
    }

    /// A member on record.
    #[must_use]
    pub fn record(&self, member: Address) -> Option<Member> {
        read(&self.store, tag::members, &member)
    }

    /// Open holds.
    #[must_use]
    pub fn holds(&self) -> Vec<((MerchantId, Reference), Hold)> {
        read_range(&self.store, tag::holds, &(MerchantId(0), Reference(0)), None, 16)
    }

    /// The local month of the last block.
    #[must_use]
    pub fn month(&self) -> Month {
        self.genesis.calendar().month(self.time_ms)
    }

    /// What a member holds of a class.
    #[must_use]
    pub fn balance(&self, member: Address, class: ClassId) -> u64 {
        let latest = latest_in(&self.store, &(member, class), self.height);
        latest.map_or(0, |(_, movement)| balance_at(&movement.lots, self.month()).0)
    }

    /// Checkpoints on record.
    #[must_use]
    pub fn checkpoints(&self) -> Vec<(Height, Checkpoint)> {
        read_range(&self.store, tag::checkpoints, &Height(0), None, 16)
    }

    /// Legs of closed cycles.
    #[must_use]
    pub fn legs(&self) -> Vec<((Month, u16), Leg)> {
        read_range(&self.store, tag::legs, &(Month(0), 0), None, 8)
    }
}
