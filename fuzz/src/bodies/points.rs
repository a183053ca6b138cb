//! Bodies of the points contract: classes, what is earned and spent, and what becomes of holds and of sales undone.

use tally_contracts::membership::HolderKind;
use tally_contracts::points::{
    Capture, ClassTerms, CreateClass, Issue, IssueLine, Lot, Permission, PlaceHold, Redeem, ReverseIssue,
    ReverseRedeem, SetStoreLimits, Standing, SubTerms, Transfer, Use, Void,
};
use tally_contracts::transaction::Body;
use tally_contracts::types::{Category, ClassId, DAY_MS, Fen, HOUR_MS, MerchantId, Points, Rate, Reference, StoreId};

use super::{Scene, some_class, some_member};
use crate::input::Input;
use crate::keys::STORE;

pub fn create_class(input: &mut Input<'_>, scene: &Scene<'_>) -> CreateClass {
    let parameters = &scene.world.genesis.parameters;
    let anchor = input.pick(&[parameters.min_anchor, parameters.max_anchor]).millionths();
    let acceptors: [&[u16]; 5] = [&[], &[1], &[2, 4], &[4, 2], &[9]];
    let terms = ClassTerms {
        decimals: input.pick(&[0, 1, 2, 2, 3, u8::MAX]),
        anchor: Rate::from_millionths(input.amount_near(anchor)),
        earn_rate: Rate::from_millionths(input.amount_near(Rate::ONE)),
        life_months: input.pick(&[1, 2, 24, 25, 0, u16::MAX]),
        accepted_by: input.pick(&acceptors).iter().copied().map(MerchantId).collect(),
        industries: input.pick(&[&[][..], &[5_201], &[2, 1]]).to_vec(),
        sub: input.once_in(4).then(|| sub_terms(input)),
        permissions: permissions(input),
        custodian_member_limit_fen: Fen(input.amount()),
        custodian_limit_fen: Fen(input.amount()),
        breakage: Rate::from_millionths(input.amount_near(Rate::ONE)),
    };
    CreateClass { class: ClassId(input.pick(&[5, 6, 1, 0, u32::MAX])), terms }
}

fn sub_terms(input: &mut Input<'_>) -> SubTerms {
    SubTerms {
        main: ClassId(input.pick(&[1, 2, 3, 4, 9])),
        split_rate: Rate::from_millionths(input.amount_near(Rate::ONE)),
    }
}

fn permissions(input: &mut Input<'_>) -> Vec<Permission> {
    let all = || vec![Use::Earn, Use::Transfer, Use::Redeem, Use::Exchange];
    let to = |holder, uses| Permission { holder, uses };
    match input.below(8) {
        0 => vec![to(HolderKind::Member, all()), to(HolderKind::Supplier, vec![Use::Transfer])],
        1 => vec![to(HolderKind::Employee, vec![Use::Earn])],
        2 => vec![to(HolderKind::Supplier, all()), to(HolderKind::Member, all())],
        3 => vec![to(HolderKind::Member, vec![Use::Redeem, Use::Earn])],
        _ => Vec::new(),
    }
}

pub fn set_store_limits(input: &mut Input<'_>, _: &Scene<'_>) -> SetStoreLimits {
    SetStoreLimits {
        store_id: input.pick(&[STORE, STORE, StoreId(13)]),
        redeem_limit_fen: Fen(input.amount()),
        refund_limit_fen: Fen(input.amount()),
    }
}

pub fn issue(input: &mut Input<'_>, scene: &Scene<'_>) -> Issue {
    let lines = input.pick(&[1_usize, 1, 2, 3, 0, 40]);
    let line = |_| IssueLine { category: Category(input.pick(&[3, u32::MAX])), amount_fen: Fen(input.amount()) };
    let lines = (0..lines).map(line).collect();
    Issue { class: some_class(input, scene), member: some_member(input, scene), lines }
}

pub fn transfer(input: &mut Input<'_>, scene: &Scene<'_>) -> Transfer {
    let (class, from, to) = (some_class(input, scene), some_member(input, scene), some_member(input, scene));
    let points = Points(input.amount_near(scene.world.balance(from, class)));
    Transfer { class, from, to, points }
}

pub fn redeem(input: &mut Input<'_>, scene: &Scene<'_>) -> Redeem {
    let (class, member) = (some_class(input, scene), some_member(input, scene));
    Redeem { class, member, points: Points(input.amount_near(scene.world.balance(member, class))) }
}

pub fn hold(input: &mut Input<'_>, scene: &Scene<'_>) -> PlaceHold {
    let Redeem { class, member, points } = redeem(input, scene);
    let release_ms = match input.below(16) {
        0 => scene.time_ms,
        1 => scene.time_ms + 1,
        2 => scene.time_ms + 7 * DAY_MS + 1,
        3 => 0,
        4 => u64::MAX,
        5..=8 => scene.time_ms + HOUR_MS,
        _ => scene.time_ms + 7 * DAY_MS,
    };
    PlaceHold { class, member, points, release_ms }
}

/// A hold to end, with the points that it holds: mostly the merchant's own, at times another's, one that has ended, or none.
fn some_hold(input: &mut Input<'_>, scene: &Scene<'_>) -> (Reference, u64) {
    let holds = scene.world.holds();
    let own: Vec<_> = holds.iter().filter(|((merchant, _), _)| merchant.0 == scene.merchant).collect();
    let other = holds.first();
    match (input.below(8), own.is_empty(), other) {
        (0, _, _) | (_, true, None) => (past(input, scene, |body| matches!(body, Body::Hold(_))), input.amount()),
        (1, _, Some(((_, reference), hold))) | (_, true, Some(((_, reference), hold))) => (*reference, sum(&hold.lots)),
        _ => {
            let ((_, reference), hold) = own[input.below(own.len())];
            (*reference, sum(&hold.lots))
        }
    }
}

pub fn capture(input: &mut Input<'_>, scene: &Scene<'_>) -> Capture {
    let (hold, points) = some_hold(input, scene);
    Capture { hold, points: Points(input.amount_near(points)) }
}

pub fn void(input: &mut Input<'_>, scene: &Scene<'_>) -> Void {
    Void { hold: some_hold(input, scene).0 }
}

/// The reference of an earlier operation: one of the merchant's that `is_wanted`, at times any, or one that never was.
pub fn past(input: &mut Input<'_>, scene: &Scene<'_>, is_wanted: impl Fn(&Body) -> bool) -> Reference {
    let all = scene.world.past();
    let wanted: Vec<Reference> = all
        .iter()
        .filter(|(merchant, operation)| *merchant == scene.merchant && is_wanted(&operation.body))
        .map(|(_, operation)| operation.reference)
        .collect();
    match input.below(16) {
        0 => Reference::new(scene.time_ms, u128::MAX),
        1 if !all.is_empty() => all[input.below(all.len())].1.reference,
        _ if wanted.is_empty() => Reference::new(scene.time_ms, 0),
        _ => wanted[input.below(wanted.len())],
    }
}

pub fn reverse_redeem(input: &mut Input<'_>, scene: &Scene<'_>) -> ReverseRedeem {
    let original = past(input, scene, |body| matches!(body, Body::Redeem(_) | Body::Capture(_)));
    let spent = match scene.world.standing(scene.merchant, original) {
        Standing::Redemption(redemption) => sum(&redemption.lots),
        _ => input.amount(),
    };
    ReverseRedeem { original, points: Points(input.amount_near(spent)) }
}

pub fn reverse_issue(input: &mut Input<'_>, scene: &Scene<'_>) -> ReverseIssue {
    let original = past(input, scene, |body| matches!(body, Body::Issue(_)));
    let kept = match scene.world.standing(scene.merchant, original) {
        Standing::Purchase(purchase) => purchase.kept_fen.0,
        _ => input.amount(),
    };
    ReverseIssue { original, amount_fen: Fen(input.amount_near(kept)) }
}

fn sum(lots: &[Lot]) -> u64 {
    lots.iter().map(|lot| lot.points.0).sum()
}
