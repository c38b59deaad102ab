//! What a mistyped word was probably meant to be.

/// How alike two words are at least where one is taken for a slip of the other: one slip in a short name, two in a long one.
const ALIKE: f64 = 0.6;

/// The known word that is most like this one (Damerau-Levenshtein, normalised); `None` where none is near.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = known.map(|known| (strsim::normalized_damerau_levenshtein(word, known), known));
    let near = likeness.filter(|(likeness, _)| *likeness > ALIKE);
    near.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known)
}
