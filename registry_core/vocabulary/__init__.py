"""The words that everything else is written in: errors, answers, names, who, times, progress. Pure values, no I/O."""
