//! Memory that is left to the end of the process.

/// Keeps a large value until the process ends or becomes the service: either gives all of its memory back at once. To free the
/// catalog of 500 tables piece by piece takes as long as a round trip. For values of which one run has a few.
pub(crate) fn keep<T>(value: T) {
    std::mem::forget(value);
}
