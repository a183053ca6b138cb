//! Keys: big-endian, fixed width, so that keys sort as what they mean.

use crate::crypto::PublicKey;
use crate::types::{Address, ClassId, Day, Hash, Height, MerchantId, Month, Reference, StoreId};

/// The key of a record within its table.
pub trait Key: Ord + std::hash::Hash + Clone {
    /// Appends the key's bytes.
    fn put(&self, to: &mut Vec<u8>);

    /// Takes a key off the front of bytes that [`Key::put`] wrote.
    ///
    /// # Panics
    /// When the bytes are too short: the store is damaged.
    fn take(from: &mut &[u8]) -> Self;
}

fn take_array<const N: usize>(from: &mut &[u8]) -> [u8; N] {
    let (head, rest) = from.split_first_chunk::<N>().expect("a stored key is whole because this code wrote it");
    *from = rest;
    *head
}

macro_rules! integer_key {
    ($($name:ident($inner:ty)),+) => {$(
        impl Key for $name {
            fn put(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.0.to_be_bytes());
            }
            fn take(from: &mut &[u8]) -> Self {
                Self(<$inner>::from_be_bytes(take_array(from)))
            }
        }
    )+};
}
integer_key!(MerchantId(u16), ClassId(u32), StoreId(u32), Height(u64), Reference(u128), Day(u32), Month(u16));

macro_rules! array_key {
    ($($name:ident),+) => {$(
        impl Key for $name {
            fn put(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.0);
            }
            fn take(from: &mut &[u8]) -> Self {
                Self(take_array(from))
            }
        }
    )+};
}
array_key!(Address, Hash, PublicKey);

impl Key for () {
    fn put(&self, _: &mut Vec<u8>) {}
    fn take(_: &mut &[u8]) -> Self {}
}

macro_rules! bare_key {
    ($($name:ident),+) => {$(
        impl Key for $name {
            fn put(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_be_bytes());
            }
            fn take(from: &mut &[u8]) -> Self {
                Self::from_be_bytes(take_array(from))
            }
        }
    )+};
}
bare_key!(u16, u32, u64);

impl<A: Key, B: Key> Key for (A, B) {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
        self.1.put(to);
    }
    fn take(from: &mut &[u8]) -> Self {
        (A::take(from), B::take(from))
    }
}

impl<A: Key, B: Key, C: Key> Key for (A, B, C) {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
        self.1.put(to);
        self.2.put(to);
    }
    fn take(from: &mut &[u8]) -> Self {
        (A::take(from), B::take(from), C::take(from))
    }
}
