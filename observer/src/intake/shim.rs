//! temporary
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SegmentClass { Keep, Word, Int, Uuid, Id }
impl SegmentClass {
    pub(super) fn name(self) -> &'static str { match self { Self::Keep => "keep", Self::Word => "word", Self::Int => "int", Self::Uuid => "uuid", Self::Id => "id" } }
    pub(super) fn is_literal(self) -> bool { matches!(self, Self::Keep | Self::Word) }
}
pub(super) fn lex(segment: &str, _position: usize) -> SegmentClass {
    if segment.bytes().all(|b| b.is_ascii_digit()) { return SegmentClass::Int; }
    if segment.starts_with('v') && segment.len() < 4 { return SegmentClass::Keep; }
    if segment.len() == 36 && segment.as_bytes()[8] == b'-' { return SegmentClass::Uuid; }
    if crate::shape::word::is_token(segment.as_bytes()) { SegmentClass::Word } else { SegmentClass::Id }
}
pub(super) fn is_secret(_: &str) -> bool { false }
pub(super) fn is_personal(_: &str) -> bool { false }
