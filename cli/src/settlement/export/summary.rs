//! CSV (RFC 4180) of a cycle by counterparty and kind, exact to 10^-8 CNY: what a finance controller agrees the books
//! with.
//!
//! Rows of the section `owed` say what came to be owed (the remainder carried in, then each kind), rows of `cleared`
//! what became of it (what the legs pay, the remainder carried on): for each counterparty, receivable less payable is
//! the same in both.

use tally_contracts::types::Obligation;

use super::statement::{Pair, Statement};
use super::text::exact;

const HEADINGS: [&str; 8] =
    ["cycle", "merchant", "counterparty", "counterparty_name", "section", "kind", "receivable_cny", "payable_cny"];

/// The table; headings alone for a cycle without anything.
pub fn summary(statement: &Statement) -> String {
    let mut table = Table::new(&HEADINGS);
    for pair in &statement.pairs {
        for row in rows(pair) {
            let (cycle, merchant) = (statement.cycle.to_string(), statement.merchant.id.to_string());
            let counterparty = [pair.counterparty.id.to_string(), plain(&pair.counterparty.name)];
            let amounts = [exact(row.receivable), exact(row.payable)];
            let kind = [row.section.to_owned(), row.kind.to_owned()];
            table.row([cycle, merchant].into_iter().chain(counterparty).chain(kind).chain(amounts));
        }
    }
    table.text()
}

struct Row<'a> {
    section: &'static str,
    kind: &'a str,
    receivable: Obligation,
    payable: Obligation,
}

fn rows(pair: &Pair) -> Vec<Row<'_>> {
    let signed = |section, kind, amount: Obligation| Row {
        section,
        kind,
        receivable: Obligation(amount.0.max(0)),
        payable: Obligation((-amount.0).max(0)),
    };
    let gross = pair.gross.iter().map(|gross| Row {
        section: "owed",
        kind: &gross.kind,
        receivable: gross.receivable,
        payable: gross.payable,
    });
    let mut rows = vec![signed("owed", "carried_in", pair.opening)];
    rows.extend(gross);
    rows.extend([signed("cleared", "net", pair.settled()), signed("cleared", "carried_on", pair.closing)]);
    rows
}

/// A name that no spreadsheet takes for a formula.
fn plain(name: &str) -> String {
    if name.starts_with(['=', '+', '-', '@']) { format!("'{name}") } else { name.to_owned() }
}

/// A CSV file as it grows.
pub struct Table {
    writer: csv::Writer<Vec<u8>>,
}

impl Table {
    /// A table by its headings.
    pub fn new(headings: &[&str]) -> Self {
        let writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let mut table = Self { writer };
        table.row(headings.iter().map(|heading| (*heading).to_owned()));
        table
    }

    /// Adds a row, as long as the headings.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.writer.write_record(cells.into_iter().collect::<Vec<_>>()).expect("memory takes rows of one length");
    }

    /// The file.
    pub fn text(self) -> String {
        let bytes = self.writer.into_inner().expect("memory takes whatever is written");
        String::from_utf8(bytes).expect("CSV of texts is text")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{empty, full, golden};
    use super::*;

    #[test]
    fn a_cycle_is_a_table() {
        golden("summary.csv", &summary(&full()));
    }

    #[test]
    fn a_cycle_without_anything_is_its_headings() {
        assert_eq!(summary(&empty()), HEADINGS.join(",") + "\r\n");
    }

    #[test]
    fn what_is_owed_is_cleared() {
        for pair in &full().pairs {
            let of = |section| {
                let rows = rows(pair).into_iter().filter(move |row| row.section == section);
                rows.map(|row| row.receivable.0 - row.payable.0).sum::<i128>()
            };
            assert_eq!((of("owed"), of("cleared")), (pair.net.0, pair.net.0));
        }
    }

    #[test]
    fn a_name_is_quoted_and_never_a_formula() {
        let mut statement = full();
        statement.pairs.truncate(1);
        statement.pairs[0].counterparty.name = "=1+1, \"Ltd\"".into();
        assert!(summary(&statement).contains(r#","'=1+1, ""Ltd""","#));
    }
}
