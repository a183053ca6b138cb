//! Bodies of the settlement contract: legs and their payment, collateral, disputes; and the calendar that they go by.

use tally_contracts::governance::{SetBusinessDays, SetDay};
use tally_contracts::settlement::{
    AnswerDispute, ConfirmLeg, DecideDispute, DrawCollateral, OpenDispute, ReportPayment, SetCollateral,
};
use tally_contracts::transaction::Body;
use tally_contracts::types::{Fen, MerchantId, Month, Obligation, Reference};

use super::{Scene, points::past};
use crate::input::Input;

/// A leg, and its amount: mostly one that there is.
fn some_leg(input: &mut Input<'_>, scene: &Scene<'_>) -> (Month, u16, u64) {
    let legs = scene.world.legs();
    if legs.is_empty() || input.once_in(8) {
        let cycle = input.pick(&[scene.world.month().0, 0, u16::MAX]);
        return (Month(cycle), input.pick(&[0, 1, u16::MAX]), input.amount());
    }
    let ((cycle, leg), record) = &legs[input.below(legs.len())];
    (*cycle, *leg, record.amount_fen.0)
}

pub fn confirm_leg(input: &mut Input<'_>, scene: &Scene<'_>) -> ConfirmLeg {
    let (cycle, leg, amount) = some_leg(input, scene);
    ConfirmLeg { cycle, leg, amount_fen: Fen(input.amount_near(amount)) }
}

pub fn report_payment(input: &mut Input<'_>, scene: &Scene<'_>) -> ReportPayment {
    let (cycle, leg, _) = some_leg(input, scene);
    ReportPayment { cycle, leg, bank_reference: input.pick(&["B-1", "B-2", ""]).to_owned() }
}

pub fn draw_collateral(input: &mut Input<'_>, scene: &Scene<'_>) -> DrawCollateral {
    let (cycle, leg, _) = some_leg(input, scene);
    DrawCollateral { cycle, leg }
}

pub fn set_collateral(input: &mut Input<'_>, _: &Scene<'_>) -> SetCollateral {
    let collateral_fen = Fen(input.pick(&[0, 1_000, 100_000, u64::MAX]));
    SetCollateral { merchant: MerchantId(input.pick(&[1, 2, 3, 4, 9])), collateral_fen }
}

pub fn set_business_days(input: &mut Input<'_>, scene: &Scene<'_>) -> SetBusinessDays {
    let today = scene.world.genesis.calendar().day(scene.time_ms);
    let day = |n| SetDay { day: today.plus(n), is_business: n % 2 == 0 };
    SetBusinessDays { days: (0..input.pick(&[0, 1, 3, 7])).map(day).collect() }
}

/// The merchant and reference of what is disputed: a sale or an exchange of some merchant.
fn subject(input: &mut Input<'_>, scene: &Scene<'_>) -> (MerchantId, Reference) {
    let merchant = input.pick(&[1, 2, 3, 4]);
    let of = Scene { merchant, ..*scene };
    let is_wanted = |body: &Body| matches!(body, Body::Redeem(_) | Body::Capture(_) | Body::Exchange(_));
    (MerchantId(merchant), past(input, &of, is_wanted))
}

pub fn open_dispute(input: &mut Input<'_>, scene: &Scene<'_>) -> OpenDispute {
    let (merchant, original) = subject(input, scene);
    let amount = Obligation(i128::from(input.amount()) - input.pick(&[0, 1]));
    OpenDispute { merchant, original, amount, reason: input.pick(&["why", "", "為何"]).to_owned() }
}

pub fn answer_dispute(input: &mut Input<'_>, scene: &Scene<'_>) -> AnswerDispute {
    let (merchant, original) = subject(input, scene);
    AnswerDispute { merchant, original, accept: input.pick(&[true, false]) }
}

pub fn decide_dispute(input: &mut Input<'_>, scene: &Scene<'_>) -> DecideDispute {
    let (merchant, original) = subject(input, scene);
    DecideDispute { merchant, original, upheld: input.pick(&[true, false]) }
}
