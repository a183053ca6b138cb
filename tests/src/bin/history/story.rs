//! A history on its way: makes blocks, has the contracts execute them, writes the lines and learns from the receipts.

use std::io::Write;

use anyhow::Result;
use serde_json::{Value, json};
use tally_contracts::due::DueRecord;
use tally_contracts::execute::BlockRun;
use tally_contracts::settlement::Leg as LegRecord;
use tally_contracts::state::{read_range, tag};
use tally_contracts::types::{HOUR_MS, Month};

use crate::alliance;
use crate::batch::{self, Batch};
use crate::chain::{Chain, Header, block_line, movements};
use crate::checkpoints;
use crate::clock;
use crate::council;
use crate::dump::dump;
use crate::observe::{Applied, observe, observe_due};
use crate::propose::Proposal;
use crate::world::{Leg, World};

/// Blocks from one dump of the state to the next.
const DUMP_EVERY: u64 = 200;

/// A history and where it goes.
pub struct Story<W: Write> {
    pub world: World,
    pub operations: u64,
    chain: Chain,
    out: W,
}

impl<W: Write> Story<W> {
    /// Founds the alliance of a seed.
    ///
    /// # Errors
    /// When it cannot be founded, or nothing can be written.
    pub fn begin(seed: u64, is_staged: bool, out: W) -> Result<Self> {
        let mut world = World::new(seed);
        let genesis = alliance::found(&mut world, seed.is_multiple_of(2), is_staged)?;
        let line = json!({ "genesis": { "seed": seed, "chain_id": genesis.chain_id(), "genesis": genesis } });
        let mut story = Self { world, operations: 0, chain: Chain::new(genesis), out };
        council::refresh(&mut story.world, &story.chain.store);
        story.write(&line)?;
        Ok(story)
    }

    /// A block at a time of its own with whatever the merchants submit.
    ///
    /// # Errors
    /// As [`Story::block`].
    pub fn next_block(&mut self) -> Result<()> {
        let parent_ms = self.world.now;
        let mut time_ms = clock::next_time(&mut self.world);
        if self.world.is_simulated {
            if time_ms > parent_ms + 3_000 && self.world.random.chance(400) {
                self.set_clock(time_ms)?;
            }
            time_ms = self.world.now + 1;
        }
        self.world.now = time_ms;
        let count = self.world.random.between(0, 4);
        let batches: Vec<Batch> = (0..count).filter_map(|_| batch::next(&mut self.world)).collect();
        self.block(time_ms, &batches)
    }

    /// A block that holds nothing but an operation to set the clock.
    ///
    /// # Errors
    /// As [`Story::block`].
    pub fn set_clock(&mut self, time_ms: u64) -> Result<()> {
        let Some(batch) = clock::set_clock(&mut self.world, time_ms) else { return Ok(()) };
        let batches = [batch];
        let time_ms = clock::simulated_time(&self.world, &batches);
        self.block(time_ms, &batches)
    }

    /// A block with one operation of a merchant; gives its reference.
    ///
    /// # Errors
    /// As [`Story::block`].
    pub fn submit(&mut self, merchant: u16, proposal: Proposal) -> Result<String> {
        self.world.now += 1;
        let batch = Batch::of(&mut self.world, merchant, vec![proposal]);
        let reference = batch.operations[0]["reference"].as_str().unwrap_or_default().to_owned();
        self.block(self.world.now, &[batch])?;
        Ok(reference)
    }

    /// A member that a merchant enrols under a number.
    ///
    /// # Errors
    /// As [`Story::block`].
    pub fn enrol(&mut self, merchant: u16, number: u64) -> Result<String> {
        let commitment = format!("{number:064x}");
        self.submit(merchant, Proposal::plain("enrol", json!({ "holder": "member", "commitment": commitment })))?;
        Ok(self.world.members.last().map(|member| member.address.clone()).unwrap_or_default())
    }

    /// Points of a class for a purchase of so many fen.
    ///
    /// # Errors
    /// As [`Story::block`].
    pub fn issue(&mut self, issuer: u16, class: u32, member: &str, amount_fen: u64) -> Result<String> {
        let lines = json!([{ "category": 1, "amount_fen": amount_fen.to_string() }]);
        self.submit(issuer, Proposal::plain("issue", json!({ "class": class, "member": member, "lines": lines })))
    }

    /// Points of a class spent at a merchant.
    ///
    /// # Errors
    /// As [`Story::block`].
    pub fn redeem(&mut self, at: u16, class: u32, member: &str, points: u64) -> Result<String> {
        let says = json!({ "class": class, "member": member, "points": points.to_string() });
        self.submit(at, Proposal::plain("redeem", says))
    }

    /// Points of a class set aside at a merchant for an hour.
    ///
    /// # Errors
    /// As [`Story::block`].
    pub fn hold(&mut self, at: u16, class: u32, member: &str, points: u64) -> Result<String> {
        let release_ms = self.world.now + HOUR_MS;
        let says = json!({ "class": class, "member": member, "points": points.to_string(), "release_ms": release_ms });
        self.submit(at, Proposal::plain("hold", says))
    }

    /// So many points of a sale given back.
    ///
    /// # Errors
    /// As [`Story::block`].
    pub fn reverse(&mut self, merchant: u16, original: &str, points: u64) -> Result<String> {
        let says = json!({ "original": original, "points": points.to_string() });
        self.submit(merchant, Proposal::plain("reverse_redeem", says))
    }

    /// Points of one class for another's, at a merchant.
    ///
    /// # Errors
    /// As [`Story::block`].
    pub fn exchange(&mut self, at: u16, member: &str, (from, to): (u32, u32), points: u64) -> Result<String> {
        let says = json!({
            "member": member, "from_class": from, "to_class": to, "points": points.to_string(), "min_out": "0",
        });
        self.submit(at, Proposal::plain("exchange", says))
    }

    /// A change that merchant 1 proposes and all vote for; gives when it takes effect.
    ///
    /// # Errors
    /// As [`Story::block`].
    pub fn pass(&mut self, change: &Value) -> Result<u64> {
        self.pass_at((1, 0), change)
    }

    /// The same of a proposer, for a time.
    ///
    /// # Errors
    /// As [`Story::block`].
    pub fn pass_at(&mut self, (proposer, asked_ms): (u16, u64), change: &Value) -> Result<u64> {
        let says = json!({ "change": change, "effective_ms": asked_ms });
        let reference = self.submit(proposer, Proposal::plain("propose", says))?;
        let others = self.world.merchants.iter().filter(|of| of.id != proposer && !of.is_partner);
        let voters: Vec<u16> = others.map(|of| of.id).collect();
        for voter in voters {
            if self.world.council.proposal(&reference).is_some_and(|of| of.effective_ms.is_none()) {
                let vote = json!({ "merchant": proposer, "proposal": reference, "approves": true });
                self.submit(voter, Proposal::plain("vote", vote))?;
            }
        }
        Ok(self.world.council.proposal(&reference).and_then(|of| of.effective_ms).unwrap_or(0))
    }

    /// A change that passes; when this ends it is in effect.
    ///
    /// # Errors
    /// As [`Story::block`].
    pub fn enact(&mut self, change: &Value) -> Result<()> {
        let effective_ms = self.pass(change)?;
        self.go_on_until(effective_ms.max(self.world.now + 1))
    }

    /// Blocks without merchants' operations until a time has come.
    ///
    /// # Errors
    /// As [`Story::block`].
    pub fn go_on_until(&mut self, time_ms: u64) -> Result<()> {
        while self.world.now < time_ms {
            if self.world.is_simulated { self.set_clock(time_ms)? } else { self.block(time_ms, &[])? }
        }
        Ok(())
    }

    /// The same until the next month starts.
    ///
    /// # Errors
    /// As [`Story::block`].
    pub fn next_month(&mut self) -> Result<()> {
        let month = self.world.calendar.month(self.world.now);
        self.go_on_until(self.world.calendar.start_ms(month.plus(1)))
    }

    /// A block, executed, written and learned from.
    ///
    /// # Errors
    /// When a transaction is not well formed, or nothing can be written.
    pub fn block(&mut self, time_ms: u64, batches: &[Batch]) -> Result<()> {
        let world = &mut self.world;
        (world.now, world.height) = (time_ms, world.height + 1);
        let transactions: Vec<_> = batches.iter().map(|batch| batch.signed(world)).collect();
        let header = Header { height: world.height, time_ms, parent_log: checkpoints::next_log(world) };
        let run = self.chain.execute(header, &transactions)?;
        let line = block_line(header, &transactions, &run);
        self.operations += batches.iter().map(|batch| batch.operations.len() as u64).sum::<u64>();
        self.learn(batches, &run);
        self.write(&line)?;
        if self.world.height.is_multiple_of(DUMP_EVERY) {
            self.dump()?;
        }
        Ok(())
    }

    /// A last dump, and the end.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn end(mut self) -> Result<W> {
        self.dump()?;
        self.write(&json!({ "end": { "blocks": self.world.height, "operations": self.operations } }))?;
        Ok(self.out)
    }

    fn dump(&mut self) -> Result<()> {
        let state = dump(&self.world, &self.chain.store);
        self.write(&json!({ "dump": state }))
    }

    fn write(&mut self, line: &Value) -> Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")?;
        Ok(())
    }

    fn learn(&mut self, batches: &[Batch], run: &BlockRun) {
        let world = &mut self.world;
        for (member, class, movement) in movements(&run.writes) {
            let lots = movement.lots.iter().map(|lot| (lot.expires.0, lot.points.0)).collect();
            world.holdings.insert((member.to_string(), class.0), lots);
        }
        for record in &run.due {
            if let DueRecord::Closed(closed) = record {
                world.legs.extend(legs(&self.chain, closed.cycle));
            }
            observe_due(world, &json!(record));
            council::observe_due(world, record);
        }
        if council::is_moved(run) {
            council::refresh(world, &self.chain.store);
        }
        checkpoints::learn(world, run, &self.chain.store);
        for (batch, receipts) in batches.iter().zip(&run.receipts) {
            for (operation, receipt) in batch.operations.iter().zip(receipts) {
                learn_from(world, batch.merchant, operation, &json!(receipt));
            }
        }
        world.fresh_keys.clear();
        world.doomed_keys.clear();
        world.forget();
    }
}

fn learn_from(world: &mut World, merchant: u16, operation: &Value, receipt: &Value) {
    let applied = &receipt["outcome"]["applied"];
    let Some((kind, says)) = operation["body"].as_object().and_then(|body| body.iter().next()) else { return };
    if !applied.is_null() {
        observe(world, &Applied { merchant, operation, kind, says, receipt: applied });
    }
}

fn legs(chain: &Chain, cycle: Month) -> Vec<Leg> {
    let rows: Vec<((Month, u16), LegRecord)> =
        read_range(&chain.store, tag::legs, &(cycle, 0), Some(&(cycle.plus(1), 0)), usize::MAX);
    let leg = |((cycle, number), leg): ((Month, u16), LegRecord)| Leg {
        cycle: cycle.to_string(),
        number,
        payer: leg.payer.0,
        payee: leg.payee.0,
        amount_fen: leg.amount_fen.0,
        is_reported: false,
        is_escalated: false,
        is_paid: false,
    };
    rows.into_iter().map(leg).collect()
}
