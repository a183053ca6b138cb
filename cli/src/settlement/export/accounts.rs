//! Bank accounts of merchants, from a file: the ledger knows none.
//!
//! ```toml
//! [merchant.1]
//! name = "Supermarket Ltd"              # as the bank knows it; else the merchant's name on the ledger
//! account = "6222020200112233445"       # or: iban = "DE89370400440532013000"
//! cnaps = "102100099996"                # or: bic = "ICBKCNBJ"; may be left out
//! ```
//!
//! or the same in JSON. Without a file, accounts are called after the merchants: valid in form, and no bank takes them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use tally_contracts::types::MerchantId;

use super::statement::{Party, Side, Statement};
use super::text::clean;

/// Where merchants are paid.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    accounts: BTreeMap<MerchantId, Account>,
}

/// An account at a bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Whose, as the bank knows it; empty for the merchant's name on the ledger.
    pub name: String,
    /// Which.
    pub number: Number,
    /// Where; nothing if the number says it.
    pub bank: Option<Bank>,
}

/// An account's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Number {
    /// An international one (ISO 13616).
    Iban(String),
    /// Any other, at most 34 characters.
    Other(String),
}

/// A bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bank {
    /// By its business identifier code (ISO 9362).
    Bic(String),
    /// By its twelve-digit number in China's national payment system.
    Cnaps(String),
}

impl Accounts {
    /// Reads a file, JSON by its name's end, else TOML.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the accounts file {}", path.display()))?;
        let is_json = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
        Self::parse(&text, is_json).with_context(|| format!("{} is no file of accounts", path.display()))
    }

    /// Reads the text of a file.
    pub fn parse(text: &str, is_json: bool) -> anyhow::Result<Self> {
        let file: AccountsFile = if is_json { serde_json::from_str(text)? } else { toml::from_str(text)? };
        let mut accounts = BTreeMap::new();
        for (id, entry) in file.merchant {
            let merchant = id.parse().with_context(|| format!("[merchant.{id}]: `{id}` is no merchant's number"))?;
            accounts.insert(merchant, entry.check().with_context(|| format!("[merchant.{id}]"))?);
        }
        Ok(Self { accounts })
    }

    /// Refuses to pay where a file says how some are paid, but not those concerned.
    pub fn require(&self, statement: &Statement) -> anyhow::Result<()> {
        let payees = statement.legs_as(Side::Payer).map(|leg| leg.counterparty.id);
        let missing = payees.chain([statement.merchant.id]).find(|id| !self.accounts.contains_key(id));
        if let Some(id) = missing {
            bail!("the accounts file has no account of merchant {id}: add [merchant.{id}] with account or iban");
        }
        Ok(())
    }

    /// A merchant's account; one made of its id where none was given.
    pub fn of(&self, party: &Party) -> Account {
        match self.accounts.get(&party.id) {
            Some(account) if account.name.is_empty() => Account { name: party.name.clone(), ..account.clone() },
            Some(account) => account.clone(),
            None => Account {
                name: party.name.clone(),
                number: Number::Other(format!("TALLY-MERCHANT-{}", party.id)),
                bank: None,
            },
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountsFile {
    merchant: BTreeMap<String, AccountEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountEntry {
    #[serde(default)]
    name: String,
    account: Option<String>,
    iban: Option<String>,
    bic: Option<String>,
    cnaps: Option<String>,
}

impl AccountEntry {
    fn check(self) -> anyhow::Result<Account> {
        let number = match (self.account, self.iban) {
            (Some(number), None) => Number::Other(account_number(&number)?),
            (None, Some(iban)) => Number::Iban(checked_iban(&iban)?),
            _ => bail!("give either account or iban"),
        };
        let bank = match (self.bic, self.cnaps) {
            (None, None) => None,
            (Some(bic), None) => Some(Bank::Bic(checked_bic(&bic)?)),
            (None, Some(number)) => Some(Bank::Cnaps(checked_cnaps(&number)?)),
            (Some(_), Some(_)) => bail!("give bic or cnaps, not both"),
        };
        Ok(Account { name: clean(&self.name), number, bank })
    }
}

/// Numbers are printed in groups; the spaces are not part of them.
fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

fn account_number(text: &str) -> anyhow::Result<String> {
    let number = without_spaces(text);
    let is_good = (1..=34).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_graphic());
    ensure!(is_good, "account `{text}` is not 1 to 34 letters, digits or signs");
    Ok(number)
}

/// ISO 13616: two letters, two check digits, up to 30 letters and digits; the number they stand for is 1 modulo 97.
fn checked_iban(text: &str) -> anyhow::Result<String> {
    let iban = without_spaces(text).to_ascii_uppercase();
    let bytes = iban.as_bytes();
    let is_shaped = (5..=34).contains(&bytes.len())
        && bytes.iter().all(u8::is_ascii_alphanumeric)
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..4].iter().all(u8::is_ascii_digit);
    ensure!(is_shaped, "iban `{text}` does not have the form of one");
    let digits = bytes[4..].iter().chain(&bytes[..4]).map(|byte| char::from(*byte).to_digit(36).unwrap_or(0));
    let rest =
        digits.fold(0, |rest, digit| if digit < 10 { (rest * 10 + digit) % 97 } else { (rest * 100 + digit) % 97 });
    ensure!(rest == 1, "iban `{text}` is mistyped: its check digits do not fit");
    Ok(iban)
}

/// ISO 9362, as ISO 20022 writes it.
fn checked_bic(text: &str) -> anyhow::Result<String> {
    let bic = without_spaces(text).to_ascii_uppercase();
    let is_good = matches!(bic.len(), 8 | 11)
        && bic.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && bic[4..6].bytes().all(|byte| byte.is_ascii_uppercase());
    ensure!(is_good, "bic `{text}` is not 8 or 11 letters and digits with the country at the fifth");
    Ok(bic)
}

fn checked_cnaps(text: &str) -> anyhow::Result<String> {
    let number = without_spaces(text);
    ensure!(number.len() == 12 && number.bytes().all(|byte| byte.is_ascii_digit()), "cnaps `{text}` is not 12 digits");
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accounts, full};
    use super::*;

    fn one(line: &str) -> anyhow::Result<Account> {
        Accounts::parse(&format!("[merchant.7]\n{line}"), false)
            .map(|accounts| accounts.of(&Party { id: MerchantId(7), name: "Seven".into() }))
    }

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = Accounts::parse("[merchant.2]\nname = \"Fuel\"\niban = \"DE89 3704 0044 0532 0130 00\"", false);
        let json = Accounts::parse(r#"{"merchant": {"2": {"name": "Fuel", "iban": "DE89370400440532013000"}}}"#, true);
        assert_eq!(toml.unwrap().accounts, json.unwrap().accounts);
    }

    #[test]
    fn mistakes_are_found() {
        for (line, expected) in [
            ("", "either account or iban"),
            ("account = \"1\"\niban = \"DE89370400440532013000\"", "either account or iban"),
            ("iban = \"DE88370400440532013000\"", "mistyped"),
            ("iban = \"DE\"", "form"),
            ("account = \"\"", "1 to 34"),
            ("account = \"12345678901234567890123456789012345\"", "1 to 34"),
            ("account = \"1\"\nbic = \"ICBK\"", "bic"),
            ("account = \"1\"\nbic = \"ICBK12BJ\"", "bic"),
            ("account = \"1\"\ncnaps = \"10210009999\"", "12 digits"),
            ("account = \"1\"\nbic = \"ICBKCNBJ\"\ncnaps = \"102100099996\"", "not both"),
            ("account = \"1\"\nbank = \"ICBC\"", "unknown field"),
        ] {
            let error = format!("{:#}", one(line).unwrap_err());
            assert!(error.contains(expected), "{line}: {error}");
        }
        assert!(Accounts::parse("[merchant.one]\naccount = \"1\"", false).is_err());
    }

    #[test]
    fn a_name_is_that_of_the_ledger_unless_given() {
        assert_eq!(one("account = \"1\"").unwrap().name, "Seven");
        assert_eq!(one("account = \"1\"\nname = \"Seven Ltd\"").unwrap().name, "Seven Ltd");
        assert_eq!(Accounts::default().of(&full().merchant).number, Number::Other("TALLY-MERCHANT-2".into()));
    }

    #[test]
    fn a_file_that_lacks_a_party_to_a_payment_is_refused() {
        accounts().require(&full()).unwrap();
        let error = Accounts::parse("[merchant.2]\naccount = \"1\"", false).unwrap().require(&full()).unwrap_err();
        assert!(error.to_string().contains("merchant 3"), "{error}");
    }
}
