"""The exercises, a file each, from which everything else about it is made.

A file has three parts. The docstring is the text: its first line the title, then equation, shapes, and an
example that doctest can try. Then comes the code with its solution, in which blanks are marked::

    # --- blank dx: the gradient with respect to x
    dx = dy * (1 - y**2)
    # --- end

The student's file is these two parts, with each blank replaced by an error that says what belongs there.
Below the line ``# --- teacher`` are literals, which are read without running the file:

- ``TOPIC``, the chapter;
- ``PARTS``, the points of forward, of each gradient by its name, and of the contract besides;
- ``HINTS``, each of which says more than the last;
- ``WRONG``, typical wrong answers: a description, the blank, the lines in it, and the kinds of mistakes
  of which the check must name one;
- ``CASES``, the classes to check, with arguments and inputs as `plaingrad check` has them; "4,3:signs"
  has zeros, at which a gradient must be that of the solution.
"""
