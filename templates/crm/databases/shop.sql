CREATE TABLE customer (
    customer_id INTEGER PRIMARY KEY,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    email TEXT NOT NULL
);
CREATE TABLE book_order (
    order_id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customer,
    title TEXT NOT NULL,
    amount INTEGER NOT NULL,
    ordered_on TEXT NOT NULL
);
INSERT INTO customer VALUES
    (1, 'Elizabeth', 'Bennet', 'elizabeth@longbourn.example'),
    (2, 'Fitzwilliam', 'Darcy', 'darcy@pemberley.example'),
    (3, 'Jane', 'Eyre', 'jane@thornfield.example'),
    (4, 'Edmond', 'Dantès', 'edmond@montecristo.example'),
    (5, 'Ishmael', 'Pequod', 'ishmael@pequod.example'),
    (6, 'Anna', 'Karenina', 'Anna@Petersburg.example'),
    (7, 'Sherlock', 'Holmes', 'sherlock@bakerstreet.example'),
    (8, 'Irene', 'Adler', 'irene@briony.example'),
    (9, 'Huckleberry', 'Finn', 'huck@mississippi.example'),
    (10, 'Emma', 'Woodhouse', 'emma@hartfield.example');
INSERT INTO book_order VALUES
    (101, 1, 'A Dictionary of the English Language', 42, '2026-01-05'),
    (102, 1, 'Letters on Walking', 18, '2026-02-11'),
    (103, 2, 'The Keeping of Libraries', 95, '2026-01-09'),
    (104, 2, 'A Treatise on Pride', 30, '2026-03-02'),
    (105, 3, 'French Grammar', 12, '2026-01-22'),
    (106, 4, 'Escapes, Volume I', 60, '2026-02-01'),
    (107, 4, 'Escapes, Volume II', 60, '2026-02-28'),
    (108, 5, 'Whales of the World', 55, '2026-02-14'),
    (109, 6, 'Timetables of the Russian Railways', 9, '2026-03-07'),
    (110, 7, 'On the Ashes of Various Tobaccos', 21, '2026-01-30'),
    (111, 7, 'Bees and How to Keep Them', 84, '2026-03-15'),
    (112, 10, 'Matchmaking for Amateurs', 27, '2026-03-21');
