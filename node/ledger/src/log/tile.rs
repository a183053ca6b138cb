//! Tiles: the tree as files that never change (C2SP `tlog-tiles`).
//!
//! Row `level` of the tree holds the roots of its perfect subtrees of `256^level` leaves, in order; row 0 the leaf
//! hashes. A tile is up to 256 neighbours of a row, aligned; a narrower one stands only at the right edge. Paths are
//! `tile/<level>/<index>[.p/<width>]` and, for the entries below a tile of level 0, `tile/entries/<index>[.p/<width>]`;
//! an index is written in groups of three digits, each but the last after an `x`: 1234067 is `x001/x234/067`.

use std::fmt;
use std::str::FromStr;

use tally_contracts::types::Hash;

/// Levels of the tree that a tile spans.
pub const TILE_HEIGHT: u32 = 8;
/// Hashes in a full tile.
pub const TILE_WIDTH: u16 = 1 << TILE_HEIGHT;
/// The highest level that a path may name. A tree of fewer than 2^64 leaves has rows 0 to 7 only.
pub const MAX_LEVEL: u8 = 63;
/// Longest entry of a bundle in bytes, for its length is a u16.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;

/// One tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Its row, 0 to [`MAX_LEVEL`].
    pub level: u8,
    /// Its position among the tiles of the row, from 0.
    pub index: u64,
    /// Hashes in it, 1 to [`TILE_WIDTH`].
    pub width: u16,
}

/// Hashes in a row of a tree of `size` leaves.
#[must_use]
pub const fn row_len(level: u8, size: u64) -> u64 {
    match size.checked_shr(level as u32 * TILE_HEIGHT) {
        Some(len) => len,
        None => 0,
    }
}

impl TileId {
    /// The tile at a position, as wide as it is in a tree of `size` leaves; none if the tree does not reach it.
    #[must_use]
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        let first = index.checked_mul(u64::from(TILE_WIDTH))?;
        let width = row_len(level, size).saturating_sub(first).min(u64::from(TILE_WIDTH));
        // At most 256, so it fits.
        (width > 0).then_some(Self { level, index, width: width as u16 })
    }

    /// Every tile of a tree of `size` leaves, row by row from the leaves, each as wide as it is in that tree.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        (0..=MAX_LEVEL)
            .take_while(move |level| row_len(*level, size) > 0)
            .flat_map(move |level| (0..).map_while(move |index| Self::in_tree(level, index, size)))
    }

    /// Whether a tree of `size` leaves has all the hashes of this tile. It may have it wider.
    #[must_use]
    pub fn is_within(&self, size: u64) -> bool {
        Self::in_tree(self.level, self.index, size).is_some_and(|widest| (1..=widest.width).contains(&self.width))
    }

    /// The bytes of this tile: its hashes, one after the other.
    ///
    /// # Errors
    /// [`TileError::Length`] unless there are [`TileId::width`] hashes.
    pub fn encode(&self, hashes: &[Hash]) -> Result<Vec<u8>, TileError> {
        if hashes.len() != usize::from(self.width) {
            return Err(TileError::Length);
        }
        Ok(hashes.iter().flat_map(|hash| hash.0).collect())
    }

    /// The hashes of this tile from its bytes.
    ///
    /// # Errors
    /// [`TileError::Length`] unless there are 32 bytes for each of [`TileId::width`] hashes.
    pub fn decode(&self, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        if hashes.len() != usize::from(self.width) || !rest.is_empty() {
            return Err(TileError::Length);
        }
        Ok(hashes.iter().map(|hash| Hash(*hash)).collect())
    }
}

/// A tile or a bundle that is not what its path says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// The number of hashes or entries.
    #[error("the tile or bundle is not as wide as its path says; fetch it again, or the full one")]
    Length,
    /// Longer than [`MAX_ENTRY_BYTES`].
    #[error("an entry of the log is at most {MAX_ENTRY_BYTES} bytes long")]
    EntryTooLong,
}

/// The bytes of an entry bundle: each entry after its length as a big-endian u16.
///
/// # Errors
/// [`TileError::Length`] unless there are 1 to 256 entries; [`TileError::EntryTooLong`].
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, TileError> {
    if entries.is_empty() || entries.len() > usize::from(TILE_WIDTH) {
        return Err(TileError::Length);
    }
    let mut bytes = Vec::new();
    for entry in entries.iter().map(AsRef::as_ref) {
        let length = u16::try_from(entry.len()).map_err(|_| TileError::EntryTooLong)?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The entries of a bundle of `width` entries.
///
/// # Errors
/// [`TileError::Length`] where an entry is cut short, or where there are more or fewer of them.
pub fn decode_bundle(mut bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    let mut entries = Vec::new();
    for _ in 0..width {
        let (length, rest) = bytes.split_first_chunk().ok_or(TileError::Length)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest.split_at_checked(length).ok_or(TileError::Length)?;
        entries.push(entry);
        bytes = rest;
    }
    if bytes.is_empty() { Ok(entries) } else { Err(TileError::Length) }
}

/// What a path below the log's prefix names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TilePath {
    /// Hashes.
    Hashes(TileId),
    /// The entries whose hashes a tile of level 0 holds.
    Entries {
        /// The position of that tile, from 0.
        index: u64,
        /// Entries, 1 to [`TILE_WIDTH`].
        width: u16,
    },
}

/// Not the path of a tile, or not in its only form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the path names no tile; write tile/<level 0-63>/<index> or tile/entries/<index>, the index as x001/x234/067, \
     and .p/<width 1-255> after it for a partial tile"
)]
pub struct TilePathError;

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, width) = match *self {
            Self::Hashes(TileId { level, index, width }) => {
                write!(f, "tile/{level}/")?;
                (index, width)
            }
            Self::Entries { index, width } => {
                f.write_str("tile/entries/")?;
                (index, width)
            }
        };
        write_index(f, index)?;
        if width < TILE_WIDTH { write!(f, ".p/{width}") } else { Ok(()) }
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        TilePath::Hashes(*self).fmt(f)
    }
}

/// Groups of three digits, most significant first.
fn write_index(f: &mut fmt::Formatter<'_>, index: u64) -> fmt::Result {
    let above = index / 1000;
    if above > 0 {
        write_groups_above(f, above)?;
    }
    write!(f, "{:03}", index % 1000)
}

/// The groups before the last, each after an `x`.
fn write_groups_above(f: &mut fmt::Formatter<'_>, groups: u64) -> fmt::Result {
    if groups >= 1000 {
        write_groups_above(f, groups / 1000)?;
    }
    write!(f, "x{:03}/", groups % 1000)
}

impl FromStr for TilePath {
    type Err = TilePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Numbers are read leniently. The comparison at the end refuses every form but the one that is printed.
        let path = read_path(text).ok_or(TilePathError)?;
        if path.to_string() == text { Ok(path) } else { Err(TilePathError) }
    }
}

fn read_path(text: &str) -> Option<TilePath> {
    let (row, place) = text.strip_prefix("tile/")?.split_once('/')?;
    let (index, width) = match place.split_once(".p/") {
        None => (place, TILE_WIDTH),
        Some((index, width)) => (index, width.parse().ok().filter(|width| (1..TILE_WIDTH).contains(width))?),
    };
    let index = index.split('/').map(|group| group.strip_prefix('x').unwrap_or(group)).collect::<String>();
    let index = index.parse().ok()?;
    if row == "entries" {
        return Some(TilePath::Entries { index, width });
    }
    let level = row.parse().ok().filter(|level| *level <= MAX_LEVEL)?;
    Some(TilePath::Hashes(TileId { level, index, width }))
}
