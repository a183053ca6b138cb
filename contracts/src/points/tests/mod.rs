//! Rule tables of points, and the properties that hold for every history.

mod rules;
mod lapse;
mod properties;
