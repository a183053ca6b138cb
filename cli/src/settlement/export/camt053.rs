//! ISO 20022 camt.053.001.08: the statement of the merchant's settlement account for the cycle.
//!
//! The account is what the alliance owes the merchant, in whole fen. A cycle books on it the net with each other
//! merchant, and then each leg, which takes the claim over to the merchant's bank: so it opens and closes at zero,
//! month after month, as importers that compare the balances of consecutive statements ask for. All is booked on the
//! cycle's last day; what makes up a net (exact, by kind, with the remainders carried) stands in its remittance lines.
//! A cycle without entries is a statement too.

use tally_contracts::types::{Fen, Obligation};

use super::statement::{Leg, Pair, Party, Side, Statement};
use super::text::{cut, date_time, exact, yuan};
use super::xml::Message;

const SCHEMA: &str = "camt.053.001.08";

/// Which way an entry goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Credit,
    Debit,
}

impl Way {
    const fn code(self) -> &'static str {
        match self {
            Self::Credit => "CRDT",
            Self::Debit => "DBIT",
        }
    }
}

/// One entry of the account.
struct Entry<'a> {
    /// `<cycle>-net-<merchant>` or `<cycle>-leg-<number>`.
    reference: String,
    way: Way,
    amount: Fen,
    value_day: String,
    /// `NET` or `LEG`.
    code: &'static str,
    debtor: &'a Party,
    creditor: &'a Party,
    /// How it comes about, in lines of at most 140 characters.
    lines: Vec<String>,
}

/// The statement.
pub fn camt053(statement: &Statement) -> String {
    let entries: Vec<Entry<'_>> = entries(statement);
    Message::document(SCHEMA, |message| {
        message.within("BkToCstmrStmt", |message| {
            message.within("GrpHdr", |message| {
                message.text(&["MsgId"], &format!("{}-camt", statement.id()));
                message.text(&["CreDtTm"], &statement.closed_at());
            });
            message.within("Stmt", |message| write_statement(message, statement, &entries));
        });
    })
}

fn write_statement(message: &mut Message, statement: &Statement, entries: &[Entry<'_>]) {
    let (first_day, last_day) = statement.days();
    let (from_ms, to_ms) = statement.period_ms();
    let calendar = statement.alliance.calendar;
    message.text(&["Id"], &statement.id());
    // Without gaps, so that a statement that is missing shows.
    message.text(&["ElctrncSeqNb"], &statement.number().to_string());
    message.text(&["CreDtTm"], &statement.closed_at());
    message.within("FrToDt", |message| {
        message.text(&["FrDtTm"], &date_time(calendar, from_ms));
        message.text(&["ToDtTm"], &date_time(calendar, to_ms));
    });
    message.within("Acct", |message| {
        let account = format!("TALLY-{}-{}", statement.alliance.short_id(), statement.merchant.id);
        message.text(&["Id", "Othr", "Id"], &account);
        message.text(&["Ccy"], "CNY");
        message.text(&["Nm"], "Tally settlement account");
        message.name(&["Ownr", "Nm"], &statement.merchant.name);
        message.name(&["Svcr", "FinInstnId", "Nm"], &statement.alliance.name);
    });
    write_balance(message, "OPBD", &first_day);
    write_balance(message, "CLBD", &last_day);
    write_summary(message, entries);
    for entry in entries {
        write_entry(message, statement, entry, &last_day);
    }
    message.text(&["AddtlStmtInf"], &summary(statement));
}

/// The account opens and closes at zero: the legs take over what the nets come to.
fn write_balance(message: &mut Message, code: &str, day: &str) {
    message.within("Bal", |message| {
        message.text(&["Tp", "CdOrPrtry", "Cd"], code);
        message.amount("Amt", Fen(0));
        message.text(&["CdtDbtInd"], Way::Credit.code());
        message.text(&["Dt", "Dt"], day);
    });
}

fn write_summary(message: &mut Message, entries: &[Entry<'_>]) {
    let of = |way: Way| {
        let entries = entries.iter().filter(move |entry| entry.way == way);
        entries.fold((0_usize, 0_u64), |(number, sum), entry| (number + 1, sum.saturating_add(entry.amount.0)))
    };
    message.within("TxsSummry", |message| {
        message.text(&["TtlNtries", "NbOfNtries"], &entries.len().to_string());
        for (name, way) in [("TtlCdtNtries", Way::Credit), ("TtlDbtNtries", Way::Debit)] {
            let (number, sum) = of(way);
            message.within(name, |message| {
                message.text(&["NbOfNtries"], &number.to_string());
                message.text(&["Sum"], &yuan(Fen(sum)));
            });
        }
    });
}

fn write_entry(message: &mut Message, statement: &Statement, entry: &Entry<'_>, last_day: &str) {
    message.within("Ntry", |message| {
        message.text(&["NtryRef"], &entry.reference);
        message.amount("Amt", entry.amount);
        message.text(&["CdtDbtInd"], entry.way.code());
        message.text(&["Sts", "Cd"], "BOOK");
        message.text(&["BookgDt", "Dt"], last_day);
        message.text(&["ValDt", "Dt"], &entry.value_day);
        let reference = format!("{}-{}", statement.alliance.short_id(), entry.reference);
        message.text(&["AcctSvcrRef"], &reference);
        message.within("BkTxCd", |message| {
            message.within("Prtry", |message| {
                message.text(&["Cd"], entry.code);
                message.text(&["Issr"], "Tally");
            });
        });
        message.within("NtryDtls", |message| {
            message.within("TxDtls", |message| {
                message.within("Refs", |message| {
                    message.text(&["AcctSvcrRef"], &reference);
                    message.text(&["EndToEndId"], &entry.reference);
                });
                message.amount("Amt", entry.amount);
                message.text(&["CdtDbtInd"], entry.way.code());
                message.within("RltdPties", |message| {
                    message.name(&["Dbtr", "Pty", "Nm"], &entry.debtor.name);
                    message.name(&["Cdtr", "Pty", "Nm"], &entry.creditor.name);
                });
                message.within("RmtInf", |message| {
                    for line in &entry.lines {
                        message.text(&["Ustrd"], &cut(line, 140));
                    }
                });
            });
        });
    });
}

/// A net of nothing is no entry: what there is of it is carried on.
fn entries(statement: &Statement) -> Vec<Entry<'_>> {
    let nets = statement.pairs.iter().filter(|pair| pair.net_fen != 0).map(|pair| net_entry(statement, pair));
    nets.chain(statement.legs.iter().map(|leg| leg_entry(statement, leg))).collect()
}

fn net_entry<'a>(statement: &'a Statement, pair: &'a Pair) -> Entry<'a> {
    let (way, debtor, creditor) = match pair.net_fen {
        1.. => (Way::Credit, &pair.counterparty, &statement.merchant),
        _ => (Way::Debit, &statement.merchant, &pair.counterparty),
    };
    let line = |what: &str, amount: Obligation| format!("{what} {} CNY", exact(amount));
    let mut lines = vec![line(&format!("net with merchant {}: carried in", pair.counterparty.id), pair.opening)];
    for gross in &pair.gross {
        let (receivable, payable) = (exact(gross.receivable), exact(gross.payable));
        lines.push(format!("{}: owed to us {receivable} CNY, by us {payable} CNY", gross.kind));
    }
    lines.push(line("carried on", pair.closing));
    Entry {
        reference: format!("{}-net-{}", statement.cycle, pair.counterparty.id),
        way,
        amount: Fen(pair.net_fen.unsigned_abs()),
        value_day: statement.days().1,
        code: "NET",
        debtor,
        creditor,
        lines,
    }
}

fn leg_entry<'a>(statement: &'a Statement, leg: &'a Leg) -> Entry<'a> {
    // A claim that is to be paid out leaves the account; a debt that is to be paid leaves it too, the other way.
    let (way, debtor, creditor, line) = match leg.side {
        Side::Payee => (Way::Debit, &leg.counterparty, &statement.merchant, "to be received from"),
        Side::Payer => (Way::Credit, &statement.merchant, &leg.counterparty, "to be paid to"),
    };
    Entry {
        reference: statement.leg_name(leg),
        way,
        amount: leg.amount_fen,
        value_day: statement.due_day(leg),
        code: "LEG",
        debtor,
        creditor,
        lines: vec![format!("leg {}: {line} merchant {}", leg.number, leg.counterparty.id)],
    }
}

fn summary(statement: &Statement) -> String {
    let position = statement.position_fen();
    let fen = Fen(u64::try_from(position.unsigned_abs()).unwrap_or(u64::MAX));
    let way = match position {
        0 => "nothing to pay or receive".to_owned(),
        1.. => format!("{} CNY to be received", yuan(fen)),
        _ => format!("{} CNY to be paid", yuan(fen)),
    };
    format!("Points alliance settlement, cycle {}: {way}, by {} legs.", statement.cycle, statement.legs.len())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{empty, full, golden};
    use super::*;

    fn count(text: &str, what: &str) -> usize {
        text.matches(what).count()
    }

    #[test]
    fn a_cycle_is_a_statement() {
        golden("camt053.xml", &camt053(&full()));
    }

    #[test]
    fn a_cycle_without_entries_is_one_too() {
        let text = camt053(&empty());
        golden("camt053-empty.xml", &text);
        assert_eq!((count(&text, "<Ntry>"), count(&text, "<Bal>")), (0, 2));
    }

    #[test]
    fn a_net_of_nothing_is_no_entry() {
        let mut statement = full();
        statement.pairs.retain(|pair| pair.net_fen == 0);
        statement.legs.clear();
        assert!(!statement.pairs.is_empty(), "the example has a pair that nets to nothing");
        assert_eq!(count(&camt053(&statement), "<Ntry>"), 0);
    }

    #[test]
    fn entries_come_to_zero() {
        let statement = full();
        let signed = |entry: &Entry<'_>| match entry.way {
            Way::Credit => i128::from(entry.amount.0),
            Way::Debit => -i128::from(entry.amount.0),
        };
        let entries = entries(&statement);
        assert_eq!(entries.iter().map(signed).sum::<i128>(), 0);
        assert!(
            entries.iter().any(|entry| entry.way == Way::Debit && entry.code == "NET"),
            "a net that we owe is a debit"
        );
    }

    #[test]
    fn the_longest_ids_fit() {
        let mut statement = full();
        statement.merchant.id = tally_contracts::types::MerchantId(u16::MAX);
        statement.legs[0].number = u16::MAX;
        assert!(format!("{}-camt", statement.id()).len() <= 35);
        assert!(format!("{}-{}", statement.alliance.short_id(), statement.leg_name(&statement.legs[0])).len() <= 35);
        assert!(format!("TALLY-{}-{}", statement.alliance.short_id(), statement.merchant.id).len() <= 34);
    }
}
