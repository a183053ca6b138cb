//! The year's files, read strictly (docs/replay.md, section 1): what does not hold is an error, never skipped.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use tally_contracts::points::IssueLine;
use tally_contracts::types::{Calendar, Category, DAY_MS, Fen, MerchantId, Month, StoreId};

/// The purchases, packed with zstd.
pub const PURCHASES: &str = "purchases.csv.zst";
/// The coupon uses.
pub const COUPONS: &str = "coupon_redemptions.csv";

/// All rows with the same receipt and merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// When, in ms since 1970.
    pub time_ms: u64,
    /// Where.
    pub merchant: MerchantId,
    /// In which store.
    pub store: StoreId,
    /// Who.
    pub member: u32,
    /// The receipt's number; unique per merchant.
    pub receipt: u64,
    /// What, by rising category.
    pub lines: Vec<IssueLine>,
}

/// One coupon use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CouponUse {
    /// The row's number in the file, from 1 on.
    pub row: u32,
    /// Local midnight of its day, in ms since 1970.
    pub day_ms: u64,
    /// Where.
    pub merchant: MerchantId,
    /// Who.
    pub member: u32,
}

/// Both files, in file order.
#[derive(Debug)]
pub struct Year {
    /// By rising time.
    pub purchases: Vec<Purchase>,
    /// By rising day.
    pub coupons: Vec<CouponUse>,
}

impl Year {
    /// Reads both files of a directory; merchants by their names in the genesis.
    ///
    /// # Errors
    /// Names file and row of the first thing that does not hold.
    pub fn read(dir: &Path, merchants: &BTreeMap<String, MerchantId>, calendar: Calendar) -> anyhow::Result<Self> {
        let path = dir.join(PURCHASES);
        let open = |path: &Path| {
            let hint =
                format!("cannot read {}: --data must be the directory with {PURCHASES} and {COUPONS}", path.display());
            File::open(path).context(hint)
        };
        let unpacked = zstd::Decoder::new(open(&path)?).with_context(|| format!("{}", path.display()))?;
        let purchases = read_purchases(unpacked, merchants).with_context(|| format!("{}", path.display()))?;
        let path = dir.join(COUPONS);
        let coupons = read_coupons(open(&path)?, merchants, calendar).with_context(|| format!("{}", path.display()))?;
        Ok(Self { purchases, coupons })
    }
}

/// A row of the purchases file, its category still by name.
struct Row {
    purchase: Purchase,
    category: String,
    amount_fen: Fen,
}

fn read_purchases(file: impl Read, merchants: &BTreeMap<String, MerchantId>) -> anyhow::Result<Vec<Purchase>> {
    let mut reader = csv::Reader::from_reader(file);
    expect_header(&mut reader, "time,merchant,store,member,receipt,category,amount_cents")?;
    let mut rows = Vec::new();
    for (i, record) in reader.records().enumerate() {
        rows.push(purchase_row(&record?, merchants).with_context(|| format!("row {}", i + 1))?);
    }
    let mut codes: BTreeMap<String, Category> = rows.iter().map(|row| (row.category.clone(), Category(0))).collect();
    for (code, category) in (1..).zip(codes.values_mut()) {
        *category = Category(code);
    }
    let mut purchases: Vec<Purchase> = Vec::new();
    let mut seen = HashSet::new();
    for (i, row) in rows.into_iter().enumerate() {
        let line = IssueLine { category: codes[&row.category], amount_fen: row.amount_fen };
        add_row(&mut purchases, &mut seen, row.purchase, line).with_context(|| format!("row {}", i + 1))?;
    }
    Ok(purchases)
}

fn add_row(
    purchases: &mut Vec<Purchase>,
    seen: &mut HashSet<(u64, MerchantId)>,
    row: Purchase,
    line: IssueLine,
) -> anyhow::Result<()> {
    if let Some(last) = purchases.last_mut() {
        if (last.receipt, last.merchant) == (row.receipt, row.merchant) {
            let same = (last.time_ms, last.store, last.member) == (row.time_ms, row.store, row.member);
            ensure!(same, "receipt {} differs in time, store or member between its rows", row.receipt);
            let rises = last.lines.last().is_some_and(|before| before.category < line.category);
            ensure!(rises, "the categories of receipt {} do not rise", row.receipt);
            last.lines.push(line);
            return Ok(());
        }
        ensure!(last.time_ms <= row.time_ms, "time falls");
    }
    ensure!(seen.insert((row.receipt, row.merchant)), "the rows of receipt {} are not adjacent", row.receipt);
    purchases.push(Purchase { lines: vec![line], ..row });
    Ok(())
}

fn purchase_row(record: &csv::StringRecord, merchants: &BTreeMap<String, MerchantId>) -> anyhow::Result<Row> {
    let [time, merchant, store, member, receipt, category, amount] = fields(record)?;
    let amount_fen: u64 = amount.parse().with_context(|| format!("amount {amount}"))?;
    ensure!(amount_fen > 0, "the amount is zero");
    let purchase = Purchase {
        time_ms: parse_utc(time)?,
        merchant: merchant_id(merchants, merchant)?,
        store: store.parse().with_context(|| format!("store {store}"))?,
        member: member.parse().with_context(|| format!("member {member}"))?,
        receipt: receipt.parse().with_context(|| format!("receipt {receipt}"))?,
        lines: Vec::new(),
    };
    Ok(Row { purchase, category: category.to_owned(), amount_fen: Fen(amount_fen) })
}

fn read_coupons(
    file: impl Read,
    merchants: &BTreeMap<String, MerchantId>,
    calendar: Calendar,
) -> anyhow::Result<Vec<CouponUse>> {
    let mut reader = csv::Reader::from_reader(file);
    expect_header(&mut reader, "date,merchant,member,coupon")?;
    let mut coupons: Vec<CouponUse> = Vec::new();
    for (row, record) in (1..).zip(reader.records()) {
        let parse = |record: csv::StringRecord| -> anyhow::Result<CouponUse> {
            let [date, merchant, member, _coupon] = fields(&record)?;
            let member = member.parse().with_context(|| format!("member {member}"))?;
            Ok(CouponUse {
                row,
                day_ms: parse_day(date, calendar)?,
                merchant: merchant_id(merchants, merchant)?,
                member,
            })
        };
        let coupon = parse(record?).with_context(|| format!("row {row}"))?;
        ensure!(coupons.last().is_none_or(|last| last.day_ms <= coupon.day_ms), "row {row}: the day falls");
        coupons.push(coupon);
    }
    Ok(coupons)
}

fn expect_header(reader: &mut csv::Reader<impl Read>, expected: &str) -> anyhow::Result<()> {
    let found = reader.headers()?.iter().collect::<Vec<_>>().join(",");
    ensure!(found == expected, "the columns are {found}, must be {expected}");
    Ok(())
}

fn fields<const N: usize>(record: &csv::StringRecord) -> anyhow::Result<[&str; N]> {
    let all: Vec<&str> = record.iter().collect();
    all.try_into().map_err(|all: Vec<&str>| anyhow::anyhow!("{} fields, must be {N}", all.len()))
}

fn merchant_id(merchants: &BTreeMap<String, MerchantId>, name: &str) -> anyhow::Result<MerchantId> {
    merchants.get(name).copied().with_context(|| {
        let known: Vec<&str> = merchants.keys().map(String::as_str).collect();
        format!("merchant `{name}` is not one of this alliance ({}); make it with --demo", known.join(", "))
    })
}

/// `2017-01-01T11:53:26Z` in ms since 1970.
fn parse_utc(text: &str) -> anyhow::Result<u64> {
    let parsed = text.strip_suffix('Z').and_then(|t| t.split_once('T')).and_then(|(date, time)| {
        let day_ms = parse_day(date, Calendar { utc_offset_minutes: 0 }).ok()?;
        let parts: Vec<u64> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let &[hours @ 0..24, minutes @ 0..60, seconds @ 0..60] = parts.as_slice() else { return None };
        Some(day_ms + ((hours * 60 + minutes) * 60 + seconds) * 1000)
    });
    parsed.with_context(|| format!("`{text}` is no time such as 2017-01-01T11:53:26Z"))
}

/// Local midnight of `2017-01-01` in ms since 1970.
fn parse_day(text: &str, calendar: Calendar) -> anyhow::Result<u64> {
    let parsed = text.rsplit_once('-').and_then(|(month, day)| {
        let (month, day): (Month, u64) = (month.parse().ok()?, day.parse().ok()?);
        let time_ms = calendar.start_ms(month) + day.checked_sub(1)? * DAY_MS;
        (calendar.month(time_ms) == month).then_some(time_ms)
    });
    match parsed {
        Some(time_ms) => Ok(time_ms),
        None => bail!("`{text}` is no day such as 2017-01-31"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merchants() -> BTreeMap<String, MerchantId> {
        [("cafe".to_owned(), MerchantId(4)), ("fuel".to_owned(), MerchantId(2))].into()
    }

    const HEADER: &str = "time,merchant,store,member,receipt,category,amount_cents\n";

    fn purchases(rows: &str) -> anyhow::Result<Vec<Purchase>> {
        read_purchases((HEADER.to_owned() + rows).as_bytes(), &merchants())
    }

    #[test]
    fn rows_of_one_receipt_are_one_purchase() {
        let read = purchases(
            "2017-01-01T11:53:26Z,cafe,330,900,7,deli,50\n\
             2017-01-01T11:53:26Z,cafe,330,900,7,pastry,49\n\
             2017-01-01T11:53:26Z,fuel,330,900,7,fuel,1000\n",
        )
        .unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].time_ms, 1_483_271_606_000);
        let codes: Vec<u32> = read.iter().flat_map(|p| &p.lines).map(|line| line.category.0).collect();
        assert_eq!(codes, [1, 3, 2]);
    }

    #[test]
    fn what_does_not_hold_is_refused_by_row() {
        let zero = purchases("2017-01-01T11:53:26Z,cafe,330,900,7,deli,0\n").unwrap_err();
        assert!(format!("{zero:#}").contains("row 1: the amount is zero"), "{zero:#}");
        let stranger = purchases("2017-01-01T11:53:26Z,bank,330,900,7,deli,1\n").unwrap_err();
        assert!(format!("{stranger:#}").contains("bank"), "{stranger:#}");
        assert!(purchases("2017-13-01T11:53:26Z,cafe,330,900,7,deli,1\n").is_err());
        assert!(parse_day("2017-02-29", Calendar { utc_offset_minutes: 0 }).is_err());
        assert!(parse_day("2017-02-00", Calendar { utc_offset_minutes: 0 }).is_err());
    }

    #[test]
    fn a_coupon_day_is_local() {
        let ohio = Calendar { utc_offset_minutes: -300 };
        let read = read_coupons("date,merchant,member,coupon\n2017-01-02,fuel,1,9\n".as_bytes(), &merchants(), ohio);
        assert_eq!(read.unwrap()[0].day_ms, 1_483_246_800_000 + DAY_MS);
    }
}
