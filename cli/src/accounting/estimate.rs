//! Breakage estimates that are given: what part of a class's points nobody is expected to spend, instead of what the terms of
//! the class say.

use std::collections::BTreeMap;
use std::str::FromStr;

use tally_contracts::types::{ClassId, Month, Rate};

/// One estimate, as it is given: `CLASS=RATE`, or `CLASS=RATE@MONTH` for what is issued from that month on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    class: ClassId,
    from: Month,
    rate: Rate,
}

impl FromStr for Estimate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no estimate: CLASS=RATE or CLASS=RATE@MONTH, such as 2=0.1@2017-03");
        let (class, rest) = text.split_once('=').ok_or_else(wrong)?;
        let (rate, from) = rest.split_once('@').map_or((rest, None), |(rate, from)| (rate, Some(from)));
        let from = from.map_or(Ok(Month(0)), |from| from.parse().map_err(|_| wrong()))?;
        let (class, rate) = (class.parse().map_err(|_| wrong())?, rate.parse().map_err(|_| wrong())?);
        let estimate = Self { class, from, rate };
        if rate.millionths() > Rate::ONE { Err(wrong()) } else { Ok(estimate) }
    }
}

/// The estimates that are given; a class without one goes by its terms.
#[derive(Clone, Debug, Default)]
pub struct Estimates(BTreeMap<(ClassId, Month), Rate>);

impl Estimates {
    /// The estimates given; of two for one class and month the later stands.
    pub fn new(given: &[Estimate]) -> Self {
        Self(given.iter().map(|estimate| ((estimate.class, estimate.from), estimate.rate)).collect())
    }

    /// The estimate for what is issued in a month, if one is given.
    pub fn at(&self, class: ClassId, month: Month) -> Option<Rate> {
        self.0.range((class, Month(0))..=(class, month)).next_back().map(|(_, rate)| *rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_holds_from_its_month_on() {
        let given = ["1=0.1", "1=0.2@2017-03", "2=0.5@2017-02"].map(|text| text.parse().unwrap());
        let estimates = Estimates::new(&given);
        let at = |class, month: &str| {
            estimates.at(ClassId(class), month.parse().unwrap()).map_or("none".to_owned(), |rate| rate.to_string())
        };
        assert_eq!([at(1, "2017-02"), at(1, "2017-03"), at(1, "2018-01")], ["0.1", "0.2", "0.2"]);
        assert_eq!([at(2, "2017-01"), at(2, "2017-02"), at(3, "2017-02")], ["none", "0.5", "none"]);
    }

    #[test]
    fn what_is_no_estimate_is_refused() {
        for text in ["", "1", "1=", "=0.1", "x=0.1", "1=1.1", "1=-0.1", "1=0.1@", "1=0.1@2017", "1=0.1@2017-13"] {
            assert!(text.parse::<Estimate>().is_err(), "{text}");
        }
    }
}
