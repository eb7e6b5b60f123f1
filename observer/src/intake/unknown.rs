//! Paths the model does not have.

use super::shim::{SegmentClass, lex};
use rustc_hash::FxHashSet;

use crate::key::LakeKey;
use crate::shape::word;

/// Distinct skeletons kept apart; the paths of a scanner are without end.
const SKELETONS_MAX: usize = 20_000;

/// Skeletons of the unknown paths met.
#[derive(Debug, Default)]
pub(super) struct UnknownPaths {
    skeletons: FxHashSet<String>,
}

impl UnknownPaths {
    /// `METHOD /path` with a class in braces for each segment that is no word: the provisional
    /// route under which shapes and tokens are gathered until the calibrator has a template.
    pub(super) fn skeleton(&mut self, method: &str, path: &str) -> String {
        let skeleton = render(method, path, |class, _| format!("{{{}}}", class.name()));
        if self.skeletons.contains(&skeleton) {
            return skeleton;
        }
        if self.skeletons.len() >= SKELETONS_MAX {
            return format!("{method} /{{other}}");
        }
        self.skeletons.insert(skeleton.clone());
        skeleton
    }

    /// As the skeleton, with the pseudonym of each segment that is no word: `{uuid:4f0e…}`.
    pub(super) fn observed(&self, key: &LakeKey, method: &str, path: &str) -> String {
        render(method, path, |class, segment| format!("{{{}:{:x}}}", class.name(), key.link(segment.as_bytes())))
    }
}

fn render(method: &str, path: &str, hide: impl Fn(SegmentClass, &str) -> String) -> String {
    let mut out = format!("{method} ");
    for (position, segment) in path.split('/').filter(|segment| !segment.is_empty()).enumerate() {
        out.push('/');
        let class = lex(segment, position);
        let in_clear = class.is_literal() && (word::is_token(segment.as_bytes()) || class == SegmentClass::Keep);
        if in_clear {
            out.push_str(segment);
        } else {
            out.push_str(&hide(class, segment));
        }
    }
    if out.ends_with(' ') {
        out.push('/');
    }
    out
}
