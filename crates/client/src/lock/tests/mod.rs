mod decide;
mod resolve;
