//! What a period came to, for programs (`summary.json`) and for people, in English and Chinese.

use serde_json::{Value, json};
use tally_contracts::types::{ClassId, Rate};

use crate::output::{Lang, Table, cny};

use super::books::Books;
use super::budget::{Budget, Spent};
use super::journal::{Names, posted};
use super::liability::{Pool, Row};
use super::period::Period;
use super::pool;
use super::tables::{RollForward, points_text};

/// What a period came to.
#[derive(Debug)]
pub struct Summary<'a> {
    books: &'a Books,
    names: Names<'a>,
    period: &'a Period,
    classes: Vec<RollForward>,
    budget: Option<(Budget, Vec<Spent>)>,
}

impl<'a> Summary<'a> {
    /// Works it out.
    pub fn new(books: &'a Books, names: Names<'a>, period: &'a Period, budget: Option<Budget>) -> Self {
        let budget = budget.map(|budget| (budget, budget.judge(books, period)));
        Self { books, names, period, classes: RollForward::all(books, period), budget }
    }

    /// For programs. The same at any later height.
    pub fn json(&self) -> Value {
        let Self { books, names, period, .. } = self;
        let accounts = posted(books, period).1.accounts();
        let accounts = accounts.into_iter().map(|(account, (fen, below))| {
            json!({ "account": account.to_string(), "posted_cny": cny(&fen.to_string()), "below_fen_cny": below.exact() })
        });
        let supplies = books.supplies.sum(&period.months);
        let supplies = supplies.iter().map(|((supply, class, merchant), supplied)| {
            json!({
                "kind": supply.name(), "class": class, "counterparty": merchant,
                "points": points_text(books, *class, supplied.points),
                "cash_off_cny": cny(&supplied.cash_off_fen.to_string()), "amount_cny": supplied.amount.exact(),
            })
        });
        json!({
            "format": "tally-accounting/1",
            "alliance": { "name": names.alliance, "chain_id": names.chain },
            "merchant": { "id": books.merchant, "name": names.merchant },
            "period": { "label": period.label, "first": period.first, "last": period.last, "height": period.height },
            "ended_months": period.ended_months(books).collect::<Vec<_>>(),
            "classes": self.classes.iter().map(|class| self.class_json(class)).collect::<Vec<_>>(),
            "accounts": accounts.collect::<Vec<_>>(),
            "vat": supplies.collect::<Vec<_>>(),
            "pool": pool::json(books, period),
            "budget": self.budget.as_ref().map(|(budget, months)| budget_json(budget, months)),
        })
    }

    fn class_json(&self, class: &RollForward) -> Value {
        let pool = |pool: &Pool| {
            let points = i128::try_from(pool.points).expect("points fit");
            json!({ "points": points_text(self.books, class.class, points), "amount_cny": pool.amount.exact() })
        };
        let rows = class.rows.iter().map(|(row, moved)| (row.name().to_owned(), pool(moved)));
        let (spent, expired) = self.ended(class.class);
        json!({
            "class": class.class,
            "name": self.books.classes[&class.class].name,
            "closed": self.books.classes[&class.class].closed.is_some_and(|month| month <= *self.period.months.end()),
            "opening": pool(&class.opening),
            "moved": rows.collect::<serde_json::Map<_, _>>(),
            "closing": pool(&class.closing),
            "held_points": points_text(self.books, class.class, class.held),
            "breakage": {
                "estimated": self.estimate(class.class),
                "ended_points_spent": points_text(self.books, class.class, spent),
                "ended_points_expired": points_text(self.books, class.class, expired),
                "actual": expiry_rate(spent, expired),
            },
        })
    }

    /// For people.
    pub fn text(&self, lang: Lang) -> String {
        let Self { books, names, period, .. } = self;
        let title = match lang {
            Lang::En => format!(
                "{} (merchant {}), {} to {}, up to block {}",
                names.merchant, books.merchant, period.first, period.last, period.height
            ),
            Lang::Zh => format!(
                "{}（商戶 {}），{} 至 {}，截至區塊 {}",
                names.merchant, books.merchant, period.first, period.last, period.height
            ),
        };
        let pool = pool::text(books, period, lang);
        let parts = [self.roll_forward_text(lang), self.supplies_text(lang), pool, self.budget_text(lang)];
        let parts: Vec<String> = [title].into_iter().chain(parts.into_iter().flatten()).collect();
        parts.join("\n\n")
    }

    fn roll_forward_text(&self, lang: Lang) -> Option<String> {
        let (points, amount) =
            (lang.pick("#points", "#積分"), lang.pick("#contract liability, CNY", "#合約負債（元）"));
        let mut table = Table::new(&[lang.pick("#class", "#積分種類"), "", points, amount]);
        for class in &self.classes {
            let opening = (lang.pick("opening", "期初"), &class.opening, 1);
            let closing = (lang.pick("closing", "期末"), &class.closing, 1);
            let moved = class.rows.iter().filter(|(_, moved)| moved.points > 0);
            let moved = moved.map(|(row, pool)| (row_name(*row, lang), pool, if row.comes_in() { 1 } else { -1 }));
            for (what, pool, sign) in [opening].into_iter().chain(moved).chain([closing]) {
                let points = sign * i128::try_from(pool.points).expect("points fit");
                let amount = super::amount::Cny(sign * pool.amount.0);
                let points = points_text(self.books, class.class, points);
                table.row([class.class.to_string(), what.to_owned(), points, amount.posted()]);
            }
            let (spent, expired) = self.ended(class.class);
            if let Some(actual) = expiry_rate(spent, expired) {
                let what = lang.pick("expired, estimated", "失效率，估計");
                table.row([
                    class.class.to_string(),
                    what.into(),
                    self.estimate(class.class).to_string(),
                    String::new(),
                ]);
                let what = lang.pick("expired, actual", "失效率，實際");
                table.row([class.class.to_string(), what.into(), actual, String::new()]);
            }
        }
        (!self.classes.is_empty()).then(|| table.text().trim_end().to_owned())
    }

    fn supplies_text(&self, lang: Lang) -> Option<String> {
        let headings = [
            lang.pick("VAT kind", "增值稅類別"),
            lang.pick("#class", "#積分種類"),
            lang.pick("#merchant", "#商戶"),
            lang.pick("#points", "#積分"),
            lang.pick("#CNY", "#元"),
        ];
        let mut table = Table::new(&headings);
        let supplies = self.books.supplies.sum(&self.period.months);
        for ((supply, class, merchant), supplied) in &supplies {
            let points = points_text(self.books, *class, supplied.points);
            let (class, merchant) = (class.to_string(), merchant.to_string());
            table.row([supply_name(supply.name(), lang).to_owned(), class, merchant, points, supplied.amount.posted()]);
        }
        (!supplies.is_empty()).then(|| table.text().trim_end().to_owned())
    }

    fn budget_text(&self, lang: Lang) -> Option<String> {
        let (budget, months) = self.budget.as_ref()?;
        let headings = [
            lang.pick("month", "月份"),
            lang.pick("#redemption cost, CNY", "#核銷成本（元）"),
            lang.pick("#of budget", "#佔預算"),
            "",
        ];
        let mut table = Table::new(&headings);
        for spent in months {
            let alert = if spent.is_alert { lang.pick("ALERT", "警示") } else { "" };
            let cells = [spent.month.to_string(), spent.cost.posted(), budget.used(spent.cost), alert.to_owned()];
            table.row(cells);
        }
        Some(table.text().trim_end().to_owned())
    }

    /// Of lots whose last month was over by the period's end: points spent, given away or bought out, points expired.
    fn ended(&self, class: ClassId) -> (i128, i128) {
        let (spent, expired) = self.books.liability.ended(&self.period.through(), class, self.period.ended_before);
        (i128::try_from(spent).expect("points fit"), i128::try_from(expired).expect("points fit"))
    }

    fn estimate(&self, class: ClassId) -> Rate {
        let last = self.books.heights.range(..=*self.period.months.end()).next_back();
        self.books.breakage(class, last.map_or(*self.period.months.start(), |(month, _)| *month))
    }
}

fn budget_json(budget: &Budget, months: &[Spent]) -> Value {
    let month = |spent: &Spent| json!({ "month": spent.month, "cost_cny": spent.cost.exact(), "used": budget.used(spent.cost), "alert": spent.is_alert });
    json!({
        "budget_fen": budget.budget_fen,
        "alert_part": budget.alert,
        "months": months.iter().map(month).collect::<Vec<_>>(),
    })
}

/// The part that expired, with four decimals; none where no lot has ended.
fn expiry_rate(spent: i128, expired: i128) -> Option<String> {
    let all = spent + expired;
    (all > 0).then(|| {
        let parts = expired * 10_000 / all;
        format!("{}.{:04}", parts / 10_000, parts % 10_000)
    })
}

const fn row_name(row: Row, lang: Lang) -> &'static str {
    match (row, lang) {
        (Row::Issued, Lang::En) => "issued",
        (Row::Issued, Lang::Zh) => "發行",
        (Row::Imported, Lang::En) => "imported",
        (Row::Imported, Lang::Zh) => "匯入",
        (Row::ExchangedIn, Lang::En) => "exchanged in",
        (Row::ExchangedIn, Lang::Zh) => "換入",
        (Row::RedemptionsReversed, Lang::En) => "redemptions reversed",
        (Row::RedemptionsReversed, Lang::Zh) => "核銷沖正",
        (Row::IssuesReversed, Lang::En) => "issues reversed",
        (Row::IssuesReversed, Lang::Zh) => "發行沖正",
        (Row::Redeemed, Lang::En) => "redeemed",
        (Row::Redeemed, Lang::Zh) => "核銷",
        (Row::Expired, Lang::En) => "expired",
        (Row::Expired, Lang::Zh) => "失效",
        (Row::ExchangedOut, Lang::En) => "exchanged out",
        (Row::ExchangedOut, Lang::Zh) => "換出",
        (Row::BoughtOut, Lang::En) => "bought out",
        (Row::BoughtOut, Lang::Zh) => "買斷",
    }
}

fn supply_name(name: &'static str, lang: Lang) -> &'static str {
    match (lang, name) {
        (Lang::En, "own_goods") => "own goods",
        (Lang::En, "third_party_honoured") => "third party, honoured by us",
        (Lang::En, _) => "third party, bought",
        (Lang::Zh, "own_goods") => "自有商品",
        (Lang::Zh, "third_party_honoured") => "第三方（本店受理）",
        (Lang::Zh, _) => "第三方（他店受理）",
    }
}
