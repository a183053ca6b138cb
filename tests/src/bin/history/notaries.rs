//! Notaries: merchants vouch for two checkpoints, one of which one of them sees otherwise, and bring evidence.

use std::io::Write;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::propose::Proposal;
use crate::propose::vouching::{Flaw, attestation, evidence};
use crate::story::Story;

/// Plays the notaries' part.
///
/// # Errors
/// As [`Story::block`].
pub fn play<W: Write>(story: &mut Story<W>) -> Result<()> {
    let founders = story.world.founders;
    let disputed = next_checkpoint(story)?;
    for flaw in [Flaw::Signature(0), Flaw::Signature(1), Flaw::Signature(2), Flaw::Unsigned, Flaw::UnknownHeight] {
        attest(story, 1, (disputed, flaw))?;
    }
    attest(story, 1, (disputed, Flaw::OtherRoots))?;
    attest(story, 1, (disputed, Flaw::None))?;
    for merchant in 2..founders {
        attest(story, merchant, (disputed, Flaw::None))?;
        anchor(story, merchant, disputed)?;
    }
    let agreed = next_checkpoint(story)?;
    for merchant in 1..=founders {
        anchor(story, merchant, agreed)?;
        attest(story, merchant, (agreed, Flaw::None))?;
    }
    // What is older may become final after what is newer, and stays behind it.
    attest(story, founders, (disputed, Flaw::None))?;
    anchor(story, 1, disputed)
}

/// A merchant vouches for a checkpoint, rightly or not.
///
/// # Errors
/// As [`Story::block`].
pub fn attest<W: Write>(story: &mut Story<W>, merchant: u16, of: (u64, Flaw)) -> Result<()> {
    let proposal = attestation(&mut story.world, merchant, of).context("the checkpoint is on record")?;
    story.submit(merchant, proposal).map(drop)
}

/// Goes on until there is another checkpoint; gives its height.
fn next_checkpoint<W: Write>(story: &mut Story<W>) -> Result<u64> {
    let known = latest(story);
    while latest(story) == known {
        let interval_ms = story.world.council.parameters["checkpoint_interval_ms"].as_u64().unwrap_or(1);
        let time_ms = (story.world.now / interval_ms + 1) * interval_ms;
        story.go_on_until(time_ms)?;
        story.go_on_until(time_ms + 1)?;
    }
    latest(story).context("a checkpoint is on record")
}

fn latest<W: Write>(story: &Story<W>) -> Option<u64> {
    story.world.checkpoints.last().map(|checkpoint| checkpoint.height)
}

/// New evidence twice, and evidence of a block that is no checkpoint.
fn anchor<W: Write>(story: &mut Story<W>, merchant: u16, checkpoint: u64) -> Result<()> {
    let evidence = evidence(&mut story.world);
    for checkpoint in [checkpoint, checkpoint, story.world.height + 1] {
        let says = json!({ "checkpoint": checkpoint, "evidence": evidence });
        story.submit(merchant, Proposal::plain("anchor", says))?;
    }
    Ok(())
}
