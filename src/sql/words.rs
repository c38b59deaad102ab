//! The words of a statement as parts of its text. A script has thousands of them, and each is compared with a few keywords at
//! most, so that none is copied, nor turned into upper case.

use std::ops::Range;

/// A word. It equals a keyword in upper case, in lower case and in any mixture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<'a>(pub(crate) &'a str);

impl Word<'_> {
    /// Whether it is one of these keywords.
    pub(crate) fn is_any(self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.0.len() == keyword.len() && self == *keyword)
    }
}

impl PartialEq<&str> for Word<'_> {
    fn eq(&self, keyword: &&str) -> bool {
        self.0.eq_ignore_ascii_case(keyword)
    }
}

impl PartialEq for Word<'_> {
    fn eq(&self, other: &Self) -> bool {
        *self == other.0
    }
}

/// Words of a statement that follow each other.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    /// The text of the statement, or a longer one that begins with it.
    text: &'a str,
    /// Where each word is in the text.
    places: &'a [Range<usize>],
}

impl<'a> Words<'a> {
    pub(crate) fn new(text: &'a str, places: &'a [Range<usize>]) -> Self {
        Self { text, places }
    }

    pub(crate) fn iter(self) -> impl DoubleEndedIterator<Item = Word<'a>> + Clone {
        self.places.iter().map(move |place| Word(&self.text[place.clone()]))
    }

    pub(crate) fn len(self) -> usize {
        self.places.len()
    }

    pub(crate) fn is_empty(self) -> bool {
        self.places.is_empty()
    }

    pub(crate) fn first(self) -> Option<Word<'a>> {
        self.iter().next()
    }

    pub(crate) fn last(self) -> Option<Word<'a>> {
        self.iter().next_back()
    }

    /// Whether the word at this place is the keyword. Most words differ in length, which is known without their text.
    fn is(self, place: &Range<usize>, keyword: &str) -> bool {
        place.len() == keyword.len() && Word(&self.text[place.clone()]) == keyword
    }

    /// Whether the keyword is among them.
    pub(crate) fn have(self, keyword: &str) -> bool {
        self.places.iter().any(|place| self.is(place, keyword))
    }

    /// Whether these two keywords are among them, one after the other.
    pub(crate) fn have_pair(self, first: &str, second: &str) -> bool {
        self.places.windows(2).any(|pair| self.is(&pair[0], first) && self.is(&pair[1], second))
    }

    /// The first of them, at most so many.
    pub(crate) fn up_to(self, count: usize) -> Self {
        Self { places: &self.places[..count.min(self.len())], ..self }
    }

    /// Whether these are the words.
    pub(crate) fn are(self, keywords: &[&str]) -> bool {
        self.len() == keywords.len() && self.start_with(keywords)
    }

    /// Whether these are the first of them.
    pub(crate) fn start_with(self, keywords: &[&str]) -> bool {
        let mut pairs = self.places.iter().zip(keywords);
        self.len() >= keywords.len() && pairs.all(|(place, keyword)| self.is(place, keyword))
    }
}
