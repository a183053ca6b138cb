//! Apportioning: a whole number of fen in given proportions, exactly.

/// Splits `total` in proportion to `weights`: floors first, then one each by largest remainder, ties to the earlier weight.
/// With no weight at all nobody gets anything; otherwise the parts sum to `total`, and none exceeds its weight where `total`
/// is at most the sum of the weights.
#[must_use]
pub fn apportion(total: u64, weights: &[u128]) -> Vec<u64> {
    let sum: u128 = weights.iter().sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let exact = |weight: u128| u128::from(total) * weight;
    let mut parts: Vec<u64> =
        weights.iter().map(|w| u64::try_from(exact(*w) / sum).expect("a part is at most the whole")).collect();
    let left = total - parts.iter().sum::<u64>();
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_key(|&i| (std::cmp::Reverse(exact(weights[i]) % sum), i));
    for i in by_remainder.into_iter().take(usize::try_from(left).expect("fewer are left than there are parts")) {
        parts[i] += 1;
    }
    parts
}
