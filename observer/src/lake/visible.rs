//! Which of the segments named in a lake are read.
//!
//! A segment that stands in the place of others is committed before they are removed, and two
//! processes may replace overlapping ones at the same time. Whatever manifests there are, the same
//! choice is made of them by every reader: no exchange is read twice, and none is missed.

use std::collections::HashMap;

use super::segment::Segment;

/// The segments of a twin, told apart.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// To be read.
    pub(super) visible: Vec<Segment>,
    /// To be left alone, each with the id of the segment that stands in its place; none where it
    /// wanted to replace what another replaces already.
    pub(super) hidden: Vec<(Segment, Option<String>)>,
}

/// Tells segments to be read from those in whose place another stands.
///
/// Of two that replace the same one, the one that replaces more wins (what replaces a replacement
/// names all that went before, and so more), then the smaller id.
pub(super) fn settle(segments: Vec<Segment>) -> Settled {
    let (mut replacing, plain): (Vec<_>, Vec<_>) =
        segments.into_iter().partition(|segment| !segment.replaces.is_empty());
    replacing.sort_by(|one, other| {
        (other.replaces.len(), &one.id).cmp(&(one.replaces.len(), &other.id))
    });
    let mut by: HashMap<String, String> = HashMap::new();
    let mut settled = Settled::default();
    for segment in replacing {
        let winner = by.get(&segment.id).cloned();
        if winner.is_some() || segment.replaces.iter().any(|one| by.contains_key(&one.id)) {
            settled.hidden.push((segment, winner));
            continue;
        }
        let names = segment.replaces.iter().map(|one| (one.id.clone(), segment.id.clone()));
        by.extend(names);
        settled.visible.push(segment);
    }
    for segment in plain {
        match by.get(&segment.id) {
            Some(winner) => settled.hidden.push((segment, Some(winner.clone()))),
            None => settled.visible.push(segment),
        }
    }
    // Oldest data first.
    settled.visible.sort_by(|one, other| (one.from_us, &one.id).cmp(&(other.from_us, &other.id)));
    settled
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::segment::SegmentFormat;
    use super::*;

    fn segment(id: &str, of: &[&Segment]) -> Segment {
        Segment {
            format: SegmentFormat::V1,
            twin: "t".into(),
            id: id.into(),
            source: "import".into(),
            exchanges: if of.is_empty() { 1 } else { of.iter().map(|one| one.exchanges).sum() },
            from_us: 0,
            to_us: 0,
            skipped: BTreeMap::new(),
            dropped: 0,
            files: Vec::new(),
            replaces: of.iter().flat_map(|one| one.as_replaced()).collect(),
        }
    }

    fn visible(segments: &[&Segment]) -> Vec<String> {
        let segments = segments.iter().map(|&one| one.clone()).collect();
        settle(segments).visible.into_iter().map(|one| one.id).collect()
    }

    #[test]
    fn a_replacement_hides_what_it_replaces_at_every_stage_of_their_removal() {
        let (a, b, c) = (segment("a", &[]), segment("b", &[]), segment("c", &[]));
        let first = segment("ab", &[&a, &b]);
        let second = segment("abc", &[&first, &c]);
        assert_eq!(visible(&[&a, &b, &c]), ["a", "b", "c"]);
        assert_eq!(visible(&[&a, &b, &c, &first]), ["ab", "c"]);
        assert_eq!(visible(&[&b, &c, &first]), ["ab", "c"]);
        assert_eq!(visible(&[&a, &b, &c, &first, &second]), ["abc"]);
        assert_eq!(visible(&[&a, &second]), ["abc"]);
    }

    #[test]
    fn of_two_that_overlap_one_counts_and_the_rest_is_read_as_it_was() {
        let (a, b, c) = (segment("a", &[]), segment("b", &[]), segment("c", &[]));
        let (ab, bc) = (segment("ab", &[&a, &b]), segment("bc", &[&b, &c]));
        assert_eq!(visible(&[&a, &b, &c, &bc, &ab]), ["ab", "c"]);
    }

    proptest! {
        #[test]
        fn each_exchange_is_read_once_whatever_was_replaced_at_the_same_time(
            groups in proptest::collection::vec(proptest::collection::btree_set(0_usize..6, 1..4), 0..5),
            turn in 0_usize..8,
        ) {
            let plain: Vec<_> = (0..6).map(|number| segment(&format!("s{number}"), &[])).collect();
            let replacing = groups.iter().enumerate().map(|(number, group)| {
                let of: Vec<_> = group.iter().map(|member| &plain[*member]).collect();
                segment(&format!("r{number}"), &of)
            });
            let mut all: Vec<_> = plain.iter().cloned().chain(replacing).collect();
            let middle = turn % all.len();
            all.rotate_left(middle);
            let read: u64 = settle(all).visible.iter().map(|one| one.exchanges).sum();
            prop_assert_eq!(read, 6);
        }
    }
}
