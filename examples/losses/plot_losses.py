"""
Hinges become zero, the softmax never does
==========================================

The losses of a sample of two classes against its margin, and their slopes: how hard it
pulls at the scores. Once the true class is ahead by ``delta`` the hinges are exactly
zero and so is their pull: moving such a sample about changes nothing. The softmax
always wants the true class a little further ahead.
"""

import matplotlib.pyplot as plt

from sklearn_linloss.inspection import LossDisplay

display = LossDisplay.from_losses(slopes=True)
values, slopes = display.axes_
values.set_ylim(0, 4)
slopes.set_ylim(-3, 0.25)

plt.show()
