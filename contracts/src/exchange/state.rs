//! Records of exchange: the rate table's versions, the terms of a pair, and the ratios of imports.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::types::{ClassId, Fen, Rate};

/// The rate table: all anchors, announced ones too, under one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct RateTable {
    /// Rises by one with each announcement and each anchor that takes effect; from 1 on.
    pub version: u32,
}

impl Default for RateTable {
    fn default() -> Self {
        Self { version: 1 }
    }
}

/// What made a version of the rate table; version 1 is genesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct RateVersion {
    /// The class whose anchor was announced or took effect.
    pub class: ClassId,
    /// CNY per point.
    pub anchor: Rate,
    /// From when on it counts, in ms since 1970.
    pub effective_ms: u64,
    /// Whether it took effect with this version; it was announced otherwise.
    pub is_effective: bool,
    /// The block's time in ms since 1970.
    pub time_ms: u64,
}

/// What an ordered pair of classes has of its own; what is left out is the alliance's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PairTerms {
    /// Part of an exchange's value that goes to the alliance pool, from 0 up to less than 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Rate>,
    /// The least value that is exchanged at once, in fen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_lot_fen: Option<Fen>,
    /// The most value that the pair takes in a day, over all members, in fen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_limit_fen: Option<Fen>,
}

/// How many of a partner's units make how many whole points: 100 miles, 10 points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRatio {
    /// Units outside.
    pub units: u32,
    /// Whole points inside.
    pub points: u32,
}
