"""The DAVIS interactive protocol: samples, the robot that corrects, scores over time."""
