//! Sets written as objects, `{"a": true}`, so that a patch names a member by its key.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn serialize<T, S>(set: &BTreeSet<T>, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Serialize + Ord,
    S: Serializer,
{
    serializer.collect_map(set.iter().map(|member| (member, true)))
}

pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<BTreeSet<T>, D::Error>
where
    T: Deserialize<'de> + Ord,
    D: Deserializer<'de>,
{
    let members = BTreeMap::<T, bool>::deserialize(deserializer)?;
    Ok(members.into_iter().filter(|(_, present)| *present).map(|(member, _)| member).collect())
}
