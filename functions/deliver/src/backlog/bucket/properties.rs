//! Keys of any lane.

use proptest::prelude::*;

use super::*;

fn lane() -> impl Strategy<Value = Lane> {
    let subject = prop_oneof!["[a-b/~.%-]{0,4}", "\\PC{0,40}"];
    ("[a-b/.-]{1,4}", subject).prop_map(|(subscriber, subject)| Lane {
        subscriber,
        subject,
    })
}

fn key(lane: &Lane, number: u128) -> String {
    format!("{}{number:0>SEQUENCE_DIGITS$}", prefix(lane))
}

proptest! {
    #[test]
    fn a_name_comes_back_from_its_key(name in "\\PC{0,40}") {
        let escaped = escaped(&name);
        prop_assert!(escaped.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.%".contains(&byte)), "{}", escaped);
        prop_assert_eq!(unescaped(&format!("{escaped}/")), name);
    }

    #[test]
    fn the_keys_of_a_lane_are_its_own_and_in_the_order_of_numbers(one in lane(), other in lane(), numbers in any::<[u128; 2]>()) {
        let [earlier, later] = { let mut numbers = numbers; numbers.sort_unstable(); numbers };
        prop_assert!(key(&one, earlier) <= key(&one, later));
        prop_assert_eq!(key(&other, later).starts_with(&prefix(&one)), one == other);
        // The listing goes on behind the lane, and before no other one that it has not shown.
        let behind = format!("{}~", prefix(&one));
        prop_assert!(key(&one, u128::MAX) < behind);
        if one != other && key(&other, later) < behind {
            prop_assert!(key(&other, u128::MAX) < key(&one, 0));
        }
    }
}
