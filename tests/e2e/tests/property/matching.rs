//! A maximum matching between two sets.

/// Matches as many left items as possible with a right item that fits. Returns the left items without a partner.
pub fn find_unmatched(
    left: usize,
    right: usize,
    fits: impl Fn(usize, usize) -> bool,
) -> Vec<usize> {
    let mut partners: Vec<Option<usize>> = vec![None; right];
    let mut unmatched = Vec::new();
    for one in 0..left {
        let mut tried = vec![false; right];
        if !find_partner(one, &fits, &mut partners, &mut tried) {
            unmatched.push(one);
        }
    }
    unmatched
}

/// Finds a free partner, or one whose present partner finds another (an augmenting path).
fn find_partner(
    one: usize,
    fits: &impl Fn(usize, usize) -> bool,
    partners: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    for candidate in 0..partners.len() {
        if tried[candidate] || !fits(one, candidate) {
            continue;
        }
        tried[candidate] = true;
        let is_free = match partners[candidate] {
            None => true,
            Some(other) => find_partner(other, fits, partners, tried),
        };
        if is_free {
            partners[candidate] = Some(one);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_item_takes_another_partner_when_a_later_one_has_no_choice() {
        let fits = |left: usize, right: usize| [[true, true], [true, false]][left][right];
        assert!(find_unmatched(2, 2, fits).is_empty());
        assert_eq!(find_unmatched(2, 1, |_, _| true), [1]);
    }
}
