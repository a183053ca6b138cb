//! ISO 20022 pain.001.001.09: the payments that the merchant has to make for the cycle, for its bank.
//!
//! One payment information for each day on which legs are due. The end-to-end id is the leg's name, which the payee
//! finds on its own bank statement. Every leg to be paid is in it, whatever its state: the same message has the same id
//! and the same bytes, and a bank refuses to take it twice.

use std::collections::BTreeMap;

use tally_contracts::types::Fen;

use super::accounts::{Account, Accounts, Bank, Number};
use super::statement::{Leg, Party, Side, Statement};
use super::text::{cut, yuan};
use super::xml::Message;

const SCHEMA: &str = "pain.001.001.09";

/// The payments; nothing where there is none to make, for a pain.001 has at least one.
pub fn pain001(statement: &Statement, accounts: &Accounts) -> Option<String> {
    let mut days: BTreeMap<String, Vec<&Leg>> = BTreeMap::new();
    for leg in statement.legs_as(Side::Payer) {
        days.entry(statement.due_day(leg)).or_default().push(leg);
    }
    let all: Vec<&Leg> = days.values().flatten().copied().collect();
    if all.is_empty() {
        return None;
    }
    let payer = accounts.of(&statement.merchant);
    Some(Message::document(SCHEMA, |message| {
        message.within("CstmrCdtTrfInitn", |message| {
            message.within("GrpHdr", |message| {
                message.text(&["MsgId"], &format!("{}-pain", statement.id()));
                message.text(&["CreDtTm"], &statement.closed_at());
                write_totals(message, &all);
                message.name(&["InitgPty", "Nm"], &payer.name);
            });
            for (at, (day, legs)) in days.iter().enumerate() {
                message.within("PmtInf", |message| {
                    message.text(&["PmtInfId"], &format!("{}-{at}", statement.id()));
                    message.text(&["PmtMtd"], "TRF");
                    write_totals(message, legs);
                    message.text(&["ReqdExctnDt", "Dt"], day);
                    message.name(&["Dbtr", "Nm"], &payer.name);
                    write_account(message, "DbtrAcct", &payer);
                    match &payer.bank {
                        Some(bank) => write_bank(message, "DbtrAgt", bank),
                        // The schema wants one; this is what banks read as none.
                        None => message.text(&["DbtrAgt", "FinInstnId", "Othr", "Id"], "NOTPROVIDED"),
                    }
                    for leg in legs {
                        write_payment(message, statement, leg, &accounts.of(&leg.counterparty));
                    }
                });
            }
        });
    }))
}

fn write_totals(message: &mut Message, legs: &[&Leg]) {
    let sum = legs.iter().fold(0_u64, |sum, leg| sum.saturating_add(leg.amount_fen.0));
    message.text(&["NbOfTxs"], &legs.len().to_string());
    message.text(&["CtrlSum"], &yuan(Fen(sum)));
}

fn write_payment(message: &mut Message, statement: &Statement, leg: &Leg, payee: &Account) {
    let name = statement.leg_name(leg);
    message.within("CdtTrfTxInf", |message| {
        message.within("PmtId", |message| {
            message.text(&["InstrId"], &format!("{}-{name}", statement.alliance.short_id()));
            message.text(&["EndToEndId"], &name);
        });
        message.within("Amt", |message| message.amount("InstdAmt", leg.amount_fen));
        if let Some(bank) = &payee.bank {
            write_bank(message, "CdtrAgt", bank);
        }
        message.name(&["Cdtr", "Nm"], &payee.name);
        write_account(message, "CdtrAcct", payee);
        let Party { id, .. } = &statement.merchant;
        let about = format!("{name}, merchant {id} to {}, {}", leg.counterparty.id, statement.alliance.name);
        message.text(&["RmtInf", "Ustrd"], &cut(&about, 140));
    });
}

fn write_account(message: &mut Message, name: &str, account: &Account) {
    message.within(name, |message| {
        match &account.number {
            Number::Iban(iban) => message.text(&["Id", "IBAN"], iban),
            Number::Other(number) => message.text(&["Id", "Othr", "Id"], number),
        }
        message.text(&["Ccy"], "CNY");
    });
}

fn write_bank(message: &mut Message, name: &str, bank: &Bank) {
    message.within(name, |message| {
        message.within("FinInstnId", |message| match bank {
            Bank::Bic(bic) => message.text(&["BICFI"], bic),
            Bank::Cnaps(number) => message.within("ClrSysMmbId", |message| {
                message.text(&["ClrSysId", "Cd"], "CNAPS");
                message.text(&["MmbId"], number);
            }),
        });
    });
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accounts, empty, full, golden};
    use super::*;

    #[test]
    fn the_legs_to_be_paid_are_a_message() {
        golden("pain001.xml", &pain001(&full(), &accounts()).unwrap());
    }

    #[test]
    fn accounts_that_nobody_gave_are_made_of_the_ids() {
        golden("pain001-no-accounts.xml", &pain001(&full(), &Accounts::default()).unwrap());
    }

    #[test]
    fn without_a_leg_to_pay_there_is_no_message() {
        assert_eq!(pain001(&empty(), &accounts()), None);
        let mut statement = full();
        statement.legs.retain(|leg| leg.side == Side::Payee);
        assert_eq!(pain001(&statement, &accounts()), None);
    }

    #[test]
    fn legs_of_different_days_are_paid_on_them() {
        let mut statement = full();
        for leg in &mut statement.legs {
            leg.due_ms = Some(statement.closed_at_ms + u64::from(leg.number) * 86_400_000);
        }
        let text = pain001(&statement, &accounts()).unwrap();
        let days: Vec<&str> = text.split("<Dt>").skip(1).map(|rest| &rest[..10]).collect();
        assert_eq!(days, ["2017-04-03", "2017-04-04"]);
    }
}
