//! Number of a page's items that fit into one result.

use serde::Serialize;

/// Size of a result's JSON in bytes that every known client can take; lists are paged to it.
pub(crate) const MAX_RESULT_BYTES: usize = 40_000;
/// Room for what stands beside the items: counts, keys, brackets.
const ROOM_FOR_THE_REST: usize = 2_000;

/// Counts the items that a result can hold, at least one. Whoever cuts here says where to go on; the last
/// resort, which shortens whatever is too large, could not.
pub(crate) fn fitting<T: Serialize>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut room = MAX_RESULT_BYTES - ROOM_FOR_THE_REST;
    let mut kept = Vec::new();
    for item in items {
        let size = serde_json::to_string(&item).map_or(0, |text| text.len() + 1);
        if size > room && !kept.is_empty() {
            break;
        }
        room = room.saturating_sub(size);
        kept.push(item);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_fits_and_one_item_whatever_its_size() {
        let items = || std::iter::repeat_with(|| "x".repeat(1_000)).take(100);
        assert_eq!(fitting(items()).len(), 37);
        assert_eq!(fitting(std::iter::once("x".repeat(100_000))).len(), 1);
    }
}
