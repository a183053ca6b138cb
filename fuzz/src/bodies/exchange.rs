//! Bodies of the exchange contract: anchors, exchanges, splits, imports.

use tally_contracts::exchange::{AnnounceAnchor, Exchange, ImportPoints, QuoteTerms, Split};
use tally_contracts::types::{DAY_MS, Points, Rate};

use super::{Scene, some_class, some_member};
use crate::input::Input;

pub fn announce_anchor(input: &mut Input<'_>, scene: &Scene<'_>) -> AnnounceAnchor {
    let parameters = &scene.world.genesis.parameters;
    let anchor = input.pick(&[parameters.min_anchor, parameters.max_anchor]).millionths();
    let days = input.pick(&[1, 1, 30, 60, 0]);
    AnnounceAnchor {
        class: some_class(input, scene),
        anchor: Rate::from_millionths(input.amount_near(anchor)),
        effective_ms: input.amount_near(scene.time_ms + days * DAY_MS),
    }
}

pub fn exchange(input: &mut Input<'_>, scene: &Scene<'_>) -> Exchange {
    let (member, from_class, to_class) =
        (some_member(input, scene), some_class(input, scene), some_class(input, scene));
    let points = Points(input.amount_near(scene.world.balance(member, from_class)));
    let min_out = Points(input.pick(&[0, 0, 1, 100, u64::MAX]));
    let terms = QuoteTerms { version: input.pick(&[1, 1, 2, 3, 0]), valid_until_ms: input.amount_near(scene.time_ms) };
    let quote = input.once_in(4).then_some(terms);
    Exchange { member, from_class, to_class, points, min_out, quote }
}

pub fn split(input: &mut Input<'_>, scene: &Scene<'_>) -> Split {
    let Exchange { member, from_class, to_class, points, min_out, .. } = exchange(input, scene);
    Split { member, from_class, to_class, points, min_out }
}

pub fn import(input: &mut Input<'_>, scene: &Scene<'_>) -> ImportPoints {
    let text = input.pick(&["a", "b", "CA-1", "", "ü"]);
    ImportPoints {
        external_reference: text.to_owned(),
        class: some_class(input, scene),
        member: some_member(input, scene),
        units: input.amount(),
    }
}
