"""What was said of a version: attestations as they were sent, and findings, each by one event of its model's journal.

``predicates``      what a review and an evaluation say
``judged_document`` what a document that somebody sends is worth for a version
``attesting``       how it comes to count, by one event, and how a reject is dismissed
``finding``         what was found wrong with a version
``resolving``       who may resolve a blocking one
``of_version``      all that was said of a version, as its model's journal has it
``statements_of``   each person's last word about it
``told``            evidence as whoever asks is told of it
``one_look``        all of that in one look
"""
