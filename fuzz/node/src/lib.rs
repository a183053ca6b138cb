//! What the node's fuzz targets share: a disk in memory.

#![forbid(unsafe_code)]

pub mod disk;
