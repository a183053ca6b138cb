//! The node of a merchant: the modules behind `tallyd`, in the order of the data's way.

pub mod storage;
